// The wallboard as the scripts use it.
'use strict'

/** signIn gives the page of a user of the demo, at an address. */
async function signIn(page, argument, user, address = '') {
  await page.goto(`${argument.url}/${address}`)
  await page.getByLabel('User').fill(user)
  await page.getByLabel('Password').fill(argument.users[user])
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.locator('html[data-session=in]').waitFor()
  return page
}

/** go follows a link of the application's own. */
const go = (page, address) => page.evaluate(hash => (location.hash = hash), address)

/** stage has something happen on the floor. */
async function stage(argument, what, body) {
  const r = await fetch(`${argument.stage}/${what}`, { method: 'POST', body: body && JSON.stringify(body) })
  if (!r.ok) throw new Error(`${what}: ${r.status} ${await r.text()}`)
}

/** pages are all of them, and when each has what it shows. */
const pages = [
  { address: '#/floor', ready: page => page.locator('article[data-queue]').first().waitFor() },
  { address: '#/agents', ready: page => page.locator('[data-agent]').first().waitFor() },
  { address: '#/agents/a20', ready: page => page.getByRole('region', { name: 'Timeline', exact: true }).getByRole('img').waitFor() },
  { address: '#/interactions', ready: page => page.locator('[data-interaction]').first().waitFor() },
  { address: '#/interactions/c0', ready: page => page.getByRole('region', { name: 'Course', exact: true }).getByRole('img').waitFor() },
  { address: '#/history', ready: page => page.locator('figure canvas').first().waitFor() },
  { address: '#/alerts', ready: page => page.getByRole('heading', { level: 1, name: 'Alerts' }).waitFor() },
]

module.exports = { go, pages, signIn, stage }
