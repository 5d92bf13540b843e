// How many frames a second and how much memory a page of very many agents takes while they change.
'use strict'

const fs = require('node:fs')
const { run, until } = require('browser/run.cjs')

async function signIn(page, argument, address) {
  await page.goto(`${argument.url}/${address}`)
  await page.getByRole('button', { name: 'Use a token' }).click()
  await page.getByLabel('Token').fill(argument.token)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.locator('html[data-connection=live]').waitFor({ timeout: 60_000 })
}

/** frames counts them in the page, and how often what the selector finds has changed. */
const frames = (page, seconds, selector) => page.evaluate(async ([seconds, selector]) => {
  let count = 0
  let longest = 0
  let changes = 0
  let last = performance.now()
  const began = last
  const seen = () => [...document.querySelectorAll(selector)].map(e => e.textContent).join('|')
  let before = seen()
  while (last - began < seconds * 1000) {
    await new Promise(requestAnimationFrame)
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    if (++count % 10) continue
    const what = seen()
    if (what !== before) changes++
    before = what
  }
  return { frames_per_second: (count / (last - began)) * 1000, longest_frame_ms: longest, changes_seen: changes }
}, [seconds, selector])

/** memory of the page's process, in MB: what it shares with others counted in part, after the garbage has been collected. */
async function memory(page, browser) {
  const session = await page.context().newCDPSession(page)
  await session.send('HeapProfiler.collectGarbage')
  const { usedSize } = await session.send('Runtime.getHeapUsage')
  const all = await (await browser.newBrowserCDPSession()).send('SystemInfo.getProcessInfo')
  const renderers = all.processInfo.filter(p => p.type === 'renderer').map(p => pss(p.id))
  return { memory_mb: Math.max(...renderers), heap_mb: usedSize / 1e6 }
}

const pss = pid => Number(/^Pss:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]) / 1000

async function measure({ open, browser, argument, note }, address, ready, selector) {
  const page = await open()
  await signIn(page, argument, address)
  await ready(page)
  await frames(page, 1, selector) // warm
  const session = await page.context().newCDPSession(page)
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  const busy = async () => Object.fromEntries((await session.send('Performance.getMetrics')).metrics.map(m => [m.name, m.value])).TaskDuration
  const [before, began] = [await busy(), Date.now()]
  for (const [key, value] of Object.entries(await frames(page, argument.seconds, selector))) note(key, value)
  note('main_thread_share', (await busy() - before) / ((Date.now() - began) / 1000))
  for (const [key, value] of Object.entries(await memory(page, browser))) note(key, value)
}

const all = argument => page => until('every agent', async () => (await page.getByTestId('count').innerText()).replace(/\D/g, '') === `${argument.agents}${argument.agents}`, 60_000)

run({
  table: t => measure(t, '#/agents', all(t.argument), '[data-agent] [data-cell=name], [data-agent] [data-cell=status]'),
  'table, filtered and sorted': t => measure(t, '#/agents?status=on_call&sort=age:asc,name:asc',
    page => page.locator('[data-agent]').first().waitFor(), '[data-agent] [data-cell=name]'),
  grid: t => measure(t, '#/agents?view=grid', all(t.argument), '[data-agent]'),
  floor: t => measure(t, '#/floor', page => page.locator('article[data-queue]').first().waitFor(), 'article[data-queue], [data-testid=total]'),
})
