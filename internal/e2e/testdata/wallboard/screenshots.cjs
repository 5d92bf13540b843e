// The documentation's pictures, of the demo's floor.
'use strict'

const path = require('node:path')
const { run } = require('browser/run.cjs')
const { go, signIn } = require('./wallboard.cjs')

const desk = { viewport: { width: 1280, height: 800 } }
const settleMs = 1500 // drawn, and the first changes seen

async function shoot(page, argument, name) {
  await page.waitForTimeout(settleMs)
  await page.mouse.move(0, 0)
  await page.screenshot({ path: path.join(argument.dir, `${name}.png`), animations: 'disabled' })
}

const heading = (page, name) => page.getByRole('heading', { level: 1, name }).waitFor()

run({
  'light, at a desk': async ({ open, argument }) => {
    const page = await signIn(await open({ ...desk, colorScheme: 'light' }), argument, 'supervisor')
    await page.locator('article[data-queue]').first().waitFor()
    await shoot(page, argument, 'floor')
    await go(page, '#/agents')
    await page.locator('[data-agent]').first().waitFor()
    await shoot(page, argument, 'agents')
    await page.locator('[data-agent][data-status=on_call]').first().getByRole('link').first().click()
    await page.getByRole('region', { name: 'Timeline', exact: true }).getByRole('img').waitFor()
    await shoot(page, argument, 'agent')
    await go(page, '#/history')
    await page.locator('figure canvas').first().waitFor()
    await shoot(page, argument, 'history')
    await go(page, '#/interactions?state=connected')
    await page.locator('[data-interaction]').first().getByRole('link').first().click()
    await page.getByRole('region', { name: 'Course', exact: true }).getByRole('img').waitFor()
    await shoot(page, argument, 'interaction')
  },

  'dark, on a wall': async ({ open, argument }) => {
    const page = await signIn(await open({ viewport: { width: 1600, height: 900 }, colorScheme: 'dark' }), argument, 'reader', '#/floor?tv=1')
    await page.locator('article[data-queue]').first().waitFor()
    await shoot(page, argument, 'tv')
  },

  'dark, on a phone': async ({ open, argument }) => {
    const page = await signIn(await open({ viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, colorScheme: 'dark' }), argument, 'reader', '#/agents?view=grid')
    await heading(page, 'Agents')
    await page.locator('[data-agent]').first().waitFor()
    await shoot(page, argument, 'phone')
  },
})
