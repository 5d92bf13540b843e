// What a supervisor does at the wallboard. The floor is that of wallboard_test.go: contact centre Harbour, queues Sales and Support, sixty
// agents, two calls that go on and two that wait.
'use strict'

const { accessible, equal, run, until } = require('browser/run.cjs')
const { go, pages, signIn, stage } = require('./wallboard.cjs')

const sales = page => page.locator('article[data-queue=sales]')
const figure = (within, name) => within.locator(`[data-figure="${name}"]`)
const banner = page => page.getByTestId('banner')

async function text(locator, want) {
  const read = async () => (await locator.innerText()).trim()
  let last
  await until(`text ${want}`, async () => (want instanceof RegExp ? want.test((last = await read())) : (last = await read()) === want)).catch(e => {
    throw new Error(`${e.message}; it is ${JSON.stringify(last)}`)
  })
}

const names = page => page.locator('[data-agent] [data-cell=name]').allInnerTexts()

run({
  'signs in and out': async ({ open, argument }) => {
    const page = await open()
    await page.goto(argument.url)
    await page.getByRole('form', { name: 'Sign in' }).waitFor()
    await accessible(page, 'the sign-in')
    await page.getByLabel('User').fill('supervisor')
    await page.getByLabel('Password').fill('wrong')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('alert').waitFor()
    await accessible(page, 'the sign-in, refused')
    equal(await page.context().cookies(), [], 'cookies of who was refused')
    await page.getByLabel('Password').fill(argument.users.supervisor)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.locator('html[data-session=in]').waitFor()
    await page.getByRole('heading', { level: 1, name: 'Floor' }).waitFor()
    const [cookie, ...more] = await page.context().cookies()
    equal([cookie.name, cookie.httpOnly, cookie.sameSite, cookie.path, more.length], ['floorwalker', true, 'Strict', '/', 0], 'the cookie')
    equal(await page.evaluate(() => document.cookie), '', 'the cookie as scripts see it')
    equal(await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }])).then(s => s.includes(argument.users.supervisor)), false, 'a password that is kept')
    await page.reload()
    await page.locator('html[data-session=in]').waitFor()
    await page.getByRole('button', { name: 'Menu' }).click()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.locator('html[data-session=out]').waitFor()
    equal((await page.context().cookies()).length, 0, 'cookies after signing out')
    const again = await fetch(`${argument.url}/api/v1/session`, { headers: { Cookie: `${cookie.name}=${cookie.value}` } })
    equal(again.status, 401, 'the old cookie')
    await page.reload()
    await page.locator('html[data-session=out]').waitFor()
  },

  'signing out in one window signs out the other': async ({ open, argument }) => {
    const page = await signIn(await open(), argument, 'supervisor')
    const other = await page.context().newPage()
    await other.goto(argument.url)
    await other.locator('html[data-connection=live]').waitFor()
    await page.getByRole('button', { name: 'Menu' }).click()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await other.locator('html[data-session=out]').waitFor()
  },

  'numbers change as events flow': async ({ open, argument }) => {
    const page = await signIn(await open(), argument, 'supervisor')
    await text(figure(sales(page), 'waiting'), /^2\b/)
    const total = page.getByTestId('total')
    await text(figure(total, 'waiting'), /^2\b/)
    await text(figure(total, 'answered'), /^8\b/)
    const inZone = new Intl.DateTimeFormat('en-GB', { timeZone: argument.zone, hour: '2-digit', minute: '2-digit' })
    await until("the contact centre's time", async () => (await page.getByTestId('clock').innerText()).startsWith(inZone.format(new Date())))
    equal(await sales(page).getAttribute('data-level'), 'overdue', 'a wait of 90 s where 30 are allowed')
    const before = await figure(sales(page), 'longest_wait').innerText()
    await until('the wait ticks', async () => (await figure(sales(page), 'longest_wait').innerText()) !== before)
    await stage(argument, 'say', [{ type: 'cc.interaction.created', subject: 'w9', data: { channel: 'voice', direction: 'inbound' } },
      { type: 'cc.interaction.queued', subject: 'w9', data: { queue_id: 'sales' } }])
    await text(figure(sales(page), 'waiting'), /^3\b/)
    await text(figure(total, 'waiting'), /^3\b/)
    await stage(argument, 'say', [{ type: 'cc.interaction.connected', subject: 'w9', data: { agent_id: 'a40' } }])
    await text(figure(sales(page), 'waiting'), /^2\b/)
    await text(figure(total, 'answered'), /^9\b/)
    await stage(argument, 'say', [{ type: 'cc.interaction.ended', subject: 'w9', data: { reason: 'completed' } }])
  },

  'filters and sorts agents': async ({ open, argument }) => {
    const page = await signIn(await open(), argument, 'reader', '#/agents')
    await text(page.getByTestId('count'), '60 of 60')
    await page.getByRole('searchbox', { name: 'Name' }).fill('ada')
    await text(page.getByTestId('count'), '10 of 60')
    equal((await names(page)).every(n => n.startsWith('Ada')), true, 'names that were asked for')
    await page.getByRole('searchbox', { name: 'Name' }).fill('')
    await page.getByLabel('Status', { exact: true }).selectOption({ label: 'Break' })
    await text(page.getByTestId('count'), '10 of 60')
    await page.getByLabel('Team').selectOption({ label: 'North' })
    await text(page.getByTestId('count'), '5 of 60')
    const header = name => page.getByRole('columnheader', { name: new RegExp(`^${name}`) }).getByRole('button')
    await header('Name').click()
    await until('by name', async () => JSON.stringify(await names(page)) === JSON.stringify([...(await names(page))].sort()))
    equal(await page.getByRole('columnheader', { name: /^Name/ }).getAttribute('aria-sort'), 'ascending', 'what the order says of itself')
    await header('Name').focus()
    await page.keyboard.press('Enter') // keyboards sort, too
    await until('by name, downwards', async () => (await names(page))[0] > (await names(page)).at(-1))
    await header('Team').click({ modifiers: ['Shift'] })
    equal(await page.getByRole('columnheader', { name: /^Team/ }).getAttribute('data-sort'), '2:asc', 'a further key')
    await page.reload() // the address keeps it all
    await text(page.getByTestId('count'), '5 of 60')
    await until('still downwards', async () => (await names(page))[0] > (await names(page)).at(-1))
    await page.getByText('Grid', { exact: true }).click()
    await text(page.getByTestId('count'), '5 of 60')
    equal(await page.locator('[data-agent]').count(), 5, 'tiles')
    await accessible(page, 'the grid of agents')
    await stage(argument, 'say', [{ type: 'cc.agent.status', subject: 'a00', data: { status: 'available' } }])
    await text(page.getByTestId('count'), '4 of 60')
    await stage(argument, 'say', [{ type: 'cc.agent.status', subject: 'a00', data: { status: 'break' } }])
    await text(page.getByTestId('count'), '5 of 60')
  },

  'opens an agent': async ({ open, argument }) => {
    const page = await signIn(await open(), argument, 'supervisor', '#/agents?name=a20')
    await page.locator('[data-agent=a20]').getByRole('link').first().click()
    await page.getByRole('heading', { level: 1, name: 'Cleo 20' }).waitFor()
    await text(figure(page, 'answered'), '1')
    const timeline = page.getByRole('region', { name: 'Timeline', exact: true })
    await timeline.getByRole('img').waitFor()
    await page.getByText('Timeline as a table').click()
    await until('stretches', async () => (await timeline.getByRole('row').count()) > 3)
    await text(figure(page, 'status'), 'Available')
    await stage(argument, 'say', [{ type: 'cc.agent.status', subject: 'a20', data: { status: 'meeting' } }])
    await text(figure(page, 'status'), 'Meeting')
    await accessible(page, 'an agent')
    await page.getByRole('combobox', { name: 'Presence' }).selectOption({ label: 'Break' })
    await page.getByRole('combobox', { name: 'Reason' }).selectOption({ label: 'Coffee' })
    await page.getByRole('button', { name: 'Set presence' }).click()
    await text(page.getByTestId('answer'), /Break/)
    await text(figure(page, 'status'), 'Break')
    await page.getByRole('button', { name: 'Suspend' }).click()
    await page.getByRole('button', { name: 'Take back suspension' }).click()
    await page.getByRole('button', { name: 'Suspend' }).waitFor()
  },

  'shows each role what it may': async ({ open, argument }) => {
    const page = await signIn(await open(), argument, 'reader', '#/agents/a30')
    await page.getByRole('heading', { level: 1, name: 'Ada 30' }).waitFor()
    equal(await page.getByRole('group', { name: 'Presence' }).count(), 0, 'commands that a reader sees')
    equal(await page.getByRole('button', { name: 'Suspend' }).count(), 0, 'commands that a reader sees')
    const refused = await page.evaluate(async path => {
      const r = await fetch(path, { method: 'PUT', headers: { 'Content-Type': 'application/json' }, body: '{"suspended":true}' })
      return [r.status, (await r.json()).code]
    }, `/api/v1/contact-centers/${argument.contact_center}/agents/a30/suspended`)
    equal(refused, [403, 'forbidden'], 'a command of a reader')
    const producer = await open()
    await producer.goto(argument.url)
    await producer.getByRole('button', { name: 'Use a token' }).click()
    await producer.getByLabel('Token').fill(argument.tokens.producer)
    await producer.getByRole('button', { name: 'Sign in' }).click()
    await producer.getByText('This account cannot look at the floor.').waitFor()
    await accessible(producer, 'an account that may not look')
  },

  'loses the connection and comes back': async ({ open, argument, note }) => {
    const page = await signIn(await open(), argument, 'supervisor')
    await text(figure(sales(page), 'waiting'), /^2\b/)
    await text(banner(page), '')
    const lost = Date.now()
    await stage(argument, 'lose')
    await text(banner(page), /^No connection since \d\d:\d\d:\d\d; figures are of \d\d:\d\d:\d\d\.$/)
    note('told_ms', Date.now() - lost)
    await accessible(page, 'without a connection')
    await stage(argument, 'say', [{ type: 'cc.interaction.created', subject: 'w8', data: { channel: 'voice', direction: 'inbound' } },
      { type: 'cc.interaction.queued', subject: 'w8', data: { queue_id: 'sales' } }])
    await stage(argument, 'return')
    const back = Date.now()
    await text(figure(sales(page), 'waiting'), /^3\b/).catch(async () => text(figure(sales(page), 'waiting'), /^3\b/)) // pauses grow
    await text(banner(page), '')
    note('back_ms', Date.now() - back)
    await stage(argument, 'say', [{ type: 'cc.interaction.ended', subject: 'w8', data: { reason: 'abandoned' } }])
    await text(figure(sales(page), 'waiting'), /^2\b/)
  },

  'follows interactions': async ({ open, argument }) => {
    const page = await signIn(await open(), argument, 'supervisor', '#/interactions')
    const table = page.getByRole('table', { name: 'Interactions' })
    await table.locator('[data-interaction=c6]').waitFor()
    await table.locator('[data-interaction=w0]').waitFor()
    await stage(argument, 'say', [{ type: 'cc.interaction.created', subject: 'n1', data: { channel: 'chat', direction: 'inbound' } },
      { type: 'cc.interaction.queued', subject: 'n1', data: { queue_id: 'support' } }])
    await table.locator('[data-interaction=n1]').waitFor()
    await stage(argument, 'say', [{ type: 'cc.interaction.ended', subject: 'n1', data: { reason: 'abandoned' } }])
    await table.locator('[data-interaction=n1]').waitFor({ state: 'detached' })
    await go(page, '#/interactions?in=history')
    await page.getByRole('button', { name: 'Search' }).click()
    await page.locator('[data-interaction=c0]').waitFor()
    await accessible(page, 'interactions found in history')
    await page.locator('[data-interaction=c0]').getByRole('link').first().click()
    await page.getByRole('region', { name: 'Course', exact: true }).getByRole('img').waitFor()
    await page.getByText('calls again').first().waitFor()
    await accessible(page, 'an interaction')
  },

  'draws history and exports it': async ({ open, argument }) => {
    const page = await signIn(await open(), argument, 'reader', '#/history')
    await until('canvases', async () => (await page.locator('figure canvas').count()) >= 3)
    await text(figure(page, 'answered'), /^\d+/)
    const [download] = await Promise.all([page.waitForEvent('download').catch(() => null), page.getByRole('link', { name: 'Export CSV' }).click()])
    if (!download) throw new Error('nothing was exported')
    const lines = require('node:fs').readFileSync(await download.path(), 'utf8').trim().split('\n')
    if (lines.length < 2) throw new Error(`the export: ${lines}`)
  },

  'hangs on a wall': async ({ open, argument }) => {
    const page = await signIn(await open({ viewport: { width: 3840, height: 2160 } }), argument, 'reader')
    await page.keyboard.press('t')
    await page.locator('html[data-tv=true]').waitFor()
    equal(await page.getByRole('navigation').count(), 0, 'controls on a wall')
    await text(figure(sales(page), 'waiting'), /^2\b/)
    const size = await figure(sales(page), 'waiting').evaluate(e => parseFloat(getComputedStyle(e).fontSize))
    if (size < 60) throw new Error(`figures of ${size} px on a screen of 2160`)
    equal(await page.evaluate(() => document.scrollingElement.scrollHeight <= innerHeight), true, 'everything is on the screen')
    await accessible(page, 'TV mode')
    await page.reload() // a wall that was switched off comes back as it was
    await page.locator('html[data-tv=true]').waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('navigation', { name: 'Pages' }).waitFor()
  },

  ...Object.fromEntries([['dark', 'phone', { width: 390, height: 844 }], ['light', 'desk', { width: 1280, height: 800 }]]
    .map(([theme, where, viewport]) => [`everybody can use it: ${theme}, ${where}`, async ({ open, argument }) => {
      const page = await signIn(await open({ viewport, colorScheme: theme }), argument, 'supervisor')
      for (const { address, ready } of pages) {
        await go(page, address)
        await ready(page)
        await accessible(page, `${address}, ${theme}, ${where}`)
        const over = await page.evaluate(() => document.scrollingElement.scrollWidth - innerWidth)
        if (over > 0) throw new Error(`${address}: ${over} px wider than the screen`)
      }
    }])),

  'is used by keyboard alone': async ({ open, argument }) => {
    const page = await open()
    await page.goto(argument.url)
    await page.getByRole('form', { name: 'Sign in' }).waitFor()
    await page.keyboard.type('supervisor') // the field has the focus
    await page.keyboard.press('Tab')
    await page.keyboard.type(argument.users.supervisor)
    await page.keyboard.press('Enter')
    await page.locator('html[data-session=in]').waitFor()
    const reach = async name => {
      for (let n = 0; n < 40; n++) {
        await page.keyboard.press('Tab')
        if ((await page.evaluate(() => document.activeElement?.textContent?.trim())) === name) return
      }
      throw new Error(`Tab never comes to ${name}`)
    }
    await reach('Agents')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'Agents' }).waitFor()
    await page.keyboard.press('/')
    await page.keyboard.type('cleo 20')
    await text(page.getByTestId('count'), '1 of 60')
    await reach('Cleo 20')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'Cleo 20' }).waitFor()
  },
})
