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

  'leads from a queue to those who could be called back': async ({ open, argument }) => {
    const page = await signIn(await open(), argument, 'supervisor')
    const away = figure(sales(page), 'agents.away')
    await text(away, /^[1-9]/)
    const counted = Number(await away.innerText())
    await away.click()
    await page.getByRole('heading', { level: 1, name: 'Agents' }).waitFor()
    await text(page.getByTestId('count'), `${counted} of 60`)
    equal(await page.getByLabel('Queue').evaluate(e => e.selectedOptions[0].textContent), 'Sales', 'the queue')
    equal(await page.getByLabel('Status', { exact: true }).evaluate(e => e.selectedOptions[0].textContent), 'Away (any)', 'the status')
    await page.getByRole('searchbox', { name: 'Name' }).fill('nobody of that name')
    await page.getByRole('button', { name: 'Look among them, too' }).click()
    equal(await page.getByLabel('Logged-out too').isChecked(), true, 'logged-out agents are looked at')
  },

  'shows only those who are too long in a status': async ({ open, argument }) => {
    const page = await signIn(await open(), argument, 'reader', '#/agents')
    await text(page.getByTestId('count'), '60 of 60')
    await page.evaluate(() => localStorage.setItem('floorwalker.limits', JSON.stringify({ break: 1 })))
    await page.reload()
    const button = page.getByRole('button', { name: /too long$/ })
    await button.click()
    await text(page.getByTestId('count'), /^(9|10) of 60/) // one of them may just have come back
    await button.click()
    await text(page.getByTestId('count'), '60 of 60')
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

  'sorts what goes on': async ({ open, argument }) => {
    const page = await signIn(await open(), argument, 'reader', '#/interactions')
    const ids = () => page.locator('[data-interaction]').evaluateAll(rows => rows.map(r => r.dataset.interaction).filter(id => /^[cw]\d$/.test(id)))
    await page.locator('[data-interaction=w0]').waitFor()
    const started = page.getByRole('columnheader', { name: /^Started/ })
    await started.getByRole('button').click()
    await until('the first to come first', async () => (await ids())[0] === 'c6')
    await started.getByRole('button').click()
    await until('the last to come first', async () => (await ids()).at(-1) === 'c6')
    await page.getByRole('searchbox', { name: 'Find' }).fill('555 01') // as it is written on a slip of paper
    await until('calls of that number', async () => JSON.stringify((await ids()).sort()) === '["c6","c7"]')
  },

  'finds what was': async ({ open, argument }) => {
    const page = await signIn(await open(), argument, 'supervisor', '#/interactions?in=history')
    const found = page.getByTestId('count')
    const search = async (label, value) => {
      await page.getByLabel(label, { exact: true }).fill(value)
      await page.getByRole('button', { name: 'Search' }).click()
    }
    await found.waitFor()
    await search('Agent', 'cleo 20')
    await text(found, '1–1 of 1')
    await page.locator('[data-interaction=c0]').waitFor()
    await search('Agent', '')
    await text(found, /of \d\d+$/)
    await search('Phone', '+1 (555) 01-00')
    await text(found, '1–8 of 8')
    await page.goBack()
    await page.goBack()
    await until('the form says what was searched', async () => (await page.getByLabel('Agent', { exact: true }).inputValue()) === 'cleo 20')
    await text(found, '1–1 of 1')
    await search('Agent', '')
    await text(found, /of \d\d+$/)
    await page.getByText('Longest wait', { exact: true }).click() // at once, without a further click
    await until('the order', () => page.url().includes('sort=wait_ms'))
    await search('Phone', '5550100')
    await page.getByText('Numbers are found whole').waitFor()
    await page.route('**/interactions?**', route => route.fulfill({ status: 403, contentType: 'application/problem+json', body: '{"status":403,"code":"forbidden","detail":"that is hidden from this role"}' }))
    await search('Phone', '')
    await text(page.getByRole('alert'), 'That is hidden from this role.')
    equal(await page.locator('[data-interaction]').count(), 0, 'rows beside a refusal')
  },

  'says why it asks who one is': async ({ open, argument }) => {
    const page = await signIn(await open(), argument, 'supervisor', '#/agents?status=break')
    await page.locator('[data-agent]').first().waitFor()
    await page.context().clearCookies()
    await go(page, '#/history')
    await page.getByText('Your session has ended').waitFor()
    await accessible(page, 'a session that has ended')
    await page.getByLabel('User').fill('supervisor')
    await page.getByLabel('Password').fill(argument.users.supervisor)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { level: 1, name: 'History' }).waitFor()
    await page.getByRole('button', { name: 'Menu' }).click()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.locator('html[data-session=out]').waitFor()
    equal(await page.getByText('Your session has ended').count(), 0, 'what is said to who has signed out')
  },

  'asks again what could not be asked': async ({ open, argument }) => {
    const page = await signIn(await open(), argument, 'supervisor', '#/history?range=yesterday')
    await until('an answer', async () => (await page.locator('figure canvas').count()) >= 3)
    await stage(argument, 'lose')
    await page.getByLabel('Interval').selectOption({ label: '1 hour' })
    await text(page.getByRole('alert'), /^The server cannot be reached\./)
    await stage(argument, 'return')
    await page.getByRole('alert').waitFor({ state: 'detached' })
  },

  'names the rules of alerts': async ({ open, argument }) => {
    const page = await signIn(await open(), argument, 'reader', '#/alerts')
    await page.getByRole('region', { name: 'Rules' }).getByText('The directory has no rules').waitFor()
  },

  'draws history and exports it': async ({ open, argument }) => {
    const page = await signIn(await open(), argument, 'reader', '#/history')
    await until('canvases', async () => (await page.locator('figure canvas').count()) >= 3)
    await text(figure(page, 'answered'), /^\d+/)
    const [download] = await Promise.all([page.waitForEvent('download').catch(() => null), page.getByRole('button', { name: 'Export CSV' }).click()])
    if (!download) throw new Error('nothing was exported')
    const lines = require('node:fs').readFileSync(await download.path(), 'utf8').trim().split('\n')
    if (lines.length < 2) throw new Error(`the export: ${lines}`)
    equal(lines[0].startsWith(`From (${argument.zone}),To,Queues,Offered,`), true, `the head of the export, ${lines[0]},`)
    const today = new Intl.DateTimeFormat('sv-SE', { timeZone: argument.zone, dateStyle: 'short' }).format(new Date())
    equal(lines[1].startsWith(`${today} 00:00,${today} 00:30,All queues,0,0,0,`), true, `the first row, ${lines[1]},`)
    equal(download.suggestedFilename(), `history-${argument.contact_center}-${today}.csv`, 'the name of the file')
    await page.getByText('There is nothing to compare with').waitFor()
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
    equal(await page.evaluate(() => [document.activeElement.tagName, getComputedStyle(document.activeElement).outlineStyle]), ['H1', 'none'], 'what has the focus, and its ring')
    await page.keyboard.press('/')
    await page.keyboard.type('cleo 20')
    await text(page.getByTestId('count'), '1 of 60')
    await reach('Cleo 20')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'Cleo 20' }).waitFor()
  },
})
