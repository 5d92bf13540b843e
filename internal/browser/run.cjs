// Runs scenarios in Chromium, one after the other, and prints what they came to. Beside what a scenario itself asks for, no page may have an
// error, be stopped by the Content-Security-Policy, or ask another host for anything.
'use strict'

const fs = require('node:fs')
const axe = require('axe-core')
const { chromium } = require('playwright-core')

const patienceMs = 10_000

/** run calls scenarios with { open, argument, note }: open(options) makes a page of a browser that knows nothing. */
async function run(scenarios) {
  const input = JSON.parse(fs.readFileSync(0, 'utf8'))
  const browser = await chromium.launch({
    executablePath: input.chromium,
    args: [...(input.root ? ['--no-sandbox'] : []), '--disable-dev-shm-usage', '--force-color-profile=srgb', ...(input.argument.flags ?? [])],
  })
  const results = []
  try {
    for (const [name, scenario] of Object.entries(scenarios)) {
      if (input.argument.only && !input.argument.only.includes(name)) continue
      const result = { name, error: '', took_ms: 0, notes: {} }
      results.push(result)
      const began = Date.now()
      const pages = []
      const open = options => openPage(browser, pages, options, input.argument)
      try {
        await scenario({ open, browser, argument: input.argument, note: (key, value) => (result.notes[key] = value) })
        for (const { faults } of pages) if (faults.length > 0) throw new Error(faults.join('\n'))
      } catch (e) {
        result.error = [e.stack ?? String(e), ...(await Promise.all(pages.map(shown)))].join('\n\n')
      }
      for (const { context } of pages) await context.close().catch(() => {})
      result.took_ms = Date.now() - began
    }
  } finally {
    await browser.close()
  }
  process.stdout.write(JSON.stringify(results))
}

async function openPage(browser, pages, options = {}, argument) {
  const { tolerate = [], ...rest } = options
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB', timezoneId: 'Asia/Kathmandu', reducedMotion: 'reduce', ...rest })
  context.setDefaultTimeout(patienceMs)
  const page = await context.newPage()
  const faults = []
  pages.push({ context, page, faults })
  const fault = text => {
    if (!tolerate.some(t => text.includes(t))) faults.push(text)
  }
  page.on('pageerror', e => fault(`error of the page: ${e.stack ?? e}`))
  page.on('console', m => {
    // Chromium tells of every answer that is no success; the scenarios ask what became of these.
    if (m.type() === 'error' && !m.text().startsWith('Failed to load resource')) fault(`console: ${m.text()}`)
  })
  const origin = new URL(argument.url).origin
  page.on('request', r => {
    if (!r.url().startsWith('data:') && new URL(r.url()).origin !== origin) fault(`asks another host: ${r.url()}`)
  })
  return page
}

/** shown is what a page shows, for whoever reads of a failure. */
async function shown({ page, faults }) {
  const text = await page.locator('body').innerText({ timeout: 1000 }).catch(e => String(e))
  return `${faults.join('\n')}\nthe page ${page.url()} shows:\n${text.slice(0, 2000)}`
}

/** accessible throws where axe-core finds something on the page as it is. */
async function accessible(page, what) {
  await page.evaluate(axe.source) // by the debugger: the page's own policy forbids it
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }))
  if (violations.length === 0) return
  throw new Error(`axe-core, ${what}: ` + violations.map(v => `${v.id} (${v.impact}): ${v.help}\n` +
    v.nodes.slice(0, 3).map(n => `  ${n.html}\n  ${n.failureSummary}`).join('\n')).join('\n'))
}

/** until asks again and again until ask gives what is wanted. */
async function until(what, ask, ms = patienceMs) {
  const end = Date.now() + ms
  for (;;) {
    const got = await ask()
    if (got) return got
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

function equal(got, want, what) {
  const [a, b] = [JSON.stringify(got), JSON.stringify(want)]
  if (a !== b) throw new Error(`${what}: ${a}, wanted ${b}`)
}

module.exports = { accessible, equal, run, until }
