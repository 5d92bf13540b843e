import assert from 'node:assert/strict'
import { test } from 'node:test'

import { hrefOf, listOf, parseAddress } from '../src/lib/address.ts'
import { agentOrder, fold, matches, readAgent } from '../src/lib/agent.ts'
import type { Agent } from '../src/lib/agent.ts'
import { alertText, figureName, figureText } from '../src/lib/alert.ts'
import { Clockwork, pauseMs } from '../src/lib/clockwork.ts'
import { brief, clock, count, percent } from '../src/lib/duration.ts'
import { contact, who } from '../src/lib/customer.ts'
import { csvOf } from '../src/lib/csv.ts'
import { fit } from '../src/lib/fit.ts'
import { sum } from '../src/lib/level.ts'
import type { ServiceLevel } from '../src/lib/level.ts'
import { mend, parseSort, pressed, sorted, writeSort } from '../src/lib/order.ts'
import { digitsOf, phoneOf } from '../src/lib/phone.ts'
import { Table, keyOf } from '../src/lib/rows.ts'
import type { RowsMessage } from '../src/lib/rows.ts'
import { anyOf, byGroup, groupOf, shown, statuses } from '../src/lib/status.ts'
import { readLimits, standardLimits, tooLong, waitLevel, worse } from '../src/lib/thresholds.ts'
import { spanOf } from '../src/lib/span.ts'
import { dateTime, dayStart, inputOf, known, momentOf, ofInput, shiftDays, time, wallOf, zoneName } from '../src/lib/zone.ts'

const at = (text: string) => Date.parse(text)

test('running durations are rounded down, nothing is a dash', () => {
  for (const [ms, want] of [[0, '0:00'], [999, '0:00'], [7_000, '0:07'], [754_999, '12:34'], [3_723_000, '1:02:03'], [-5, '0:00'], [null, '–']] as const) {
    assert.equal(clock(ms), want)
  }
  for (const [ms, want] of [[45_000, '45 s'], [60_000, '1 min'], [750_000, '12 min 30 s'], [11_100_000, '3 h 5 min'], [null, '–']] as const) {
    assert.equal(brief(ms), want)
  }
})

test('queues in trouble come first, and calm ones stay where they are', () => {
  const queue = (name: string, waiting: number, waitMs: number | null) => ({ name, waiting, waitMs, threshold: 20, level: waitLevel(waitMs, 20) })
  const order = (...queues: ReturnType<typeof queue>[]) => queues.sort((a, b) => worse(a, b) || (a.name < b.name ? -1 : 1)).map(q => q.name).join(' ')
  assert.equal(order(queue('a', 0, null), queue('b', 3, 15_000), queue('c', 1, 2_000)), 'a b c', 'who waits in time changes nothing')
  assert.equal(order(queue('a', 9, 15_000), queue('b', 1, 25_000), queue('c', 1, 95_000), queue('d', 2, 200_000)), 'd c b a')
  assert.equal(order(queue('a', 1, 25_000), queue('b', 2, 26_000)), 'b a', 'of two that are late, where more wait')
})

test('of a customer what may be seen is named', () => {
  for (const [c, name, all] of [
    [{ name: 'Ann', phone: '+1' }, 'Ann', 'Ann, +1'], [{ name: '***', phone: '***4567', email: '***', id: '***' }, '***4567', '***4567'],
    [{ name: '***' }, 'Hidden', 'Hidden'], [{}, 'Unknown', '–'], [null, 'Unknown', '–'],
  ] as const) assert.deepEqual([who(c), contact(c)], [name, all])
})

test('numbers are found as people write them', () => {
  for (const [text, want] of [['+1 (212) 555-0168', '+12125550168'], ['0049 30 12/34.56', '+4930123456'], ['030 1234', '0301234'], ['sip:ann@x', 'sip:ann@x'], [' ', '']] as const) {
    assert.equal(phoneOf(text), want)
  }
  for (const [text, want] of [['555-01', '55501'], ['+49 30', '4930'], ['12', null], ['ann', null], ['a1016', null]] as const) assert.equal(digitsOf(text), want)
})

test('spreadsheets open what is exported, and compute nothing of it', () => {
  assert.equal(csvOf([['a', 1.5, null], ['x,"y"', '=1+1', '-x']]), '\ufeffa,1.5,\r\n"x,""y""",\'=1+1,\'-x\r\n')
})

test('names are found without their accents', () => {
  assert.equal(fold('Zoë MÜLLER'), 'zoe muller')
})

test('agents of a group are those that are counted in it', () => {
  const agents = [...statuses, 'available'].map((status, n) => readAgent({ id: `a${n}`, name: 'x', status, status_since: null, team: null, queue_ids: [], presence: null, suspended: n === statuses.length }))
  const heads: Record<string, number> = { suspended: 1 } // who is suspended counts so, and not as available
  for (const a of agents) if (!a.suspended && a.status !== 'logged_out') heads[a.status] = (heads[a.status] ?? 0) + 1
  for (const { group } of shown) {
    const found = agents.filter(matches({ name: '', status: anyOf(group), team: '', queue: '', all: false }))
    assert.equal(found.length, byGroup(heads)[group], group)
  }
})

test('no traffic is neither 0 nor 100 %', () => {
  assert.equal(percent(null), '–')
  assert.equal(percent(0), '0 %')
  assert.equal(percent(0.8113, 1), '81.1 %')
  assert.equal(count(12345), '12,345')
})

test('a day begins at local midnight, also where clocks change', () => {
  const zone = 'Europe/Berlin'
  const begins: [string, number, string][] = [
    ['2026-03-10T13:30:00Z', 0, '2026-03-09T23:00:00Z'],
    ['2026-03-29T13:30:00Z', 0, '2026-03-28T23:00:00Z'],
    ['2026-03-29T13:30:00Z', 1, '2026-03-29T22:00:00Z'], // 23 hours later
    ['2026-10-25T13:30:00Z', 1, '2026-10-25T23:00:00Z'], // 25 hours later
    ['2026-03-10T13:30:00Z', -7, '2026-03-02T23:00:00Z'],
  ]
  for (const [moment, days, want] of begins) assert.equal(dayStart(at(moment), zone, days), at(want), `${moment} ${days}`)
  assert.equal(dayStart(at('2026-06-01T20:00:00Z'), 'Asia/Kolkata'), at('2026-06-01T18:30:00Z'))
})

test('wall times and moments are told into one another', () => {
  for (const zone of ['Europe/Berlin', 'Asia/Kolkata', 'America/New_York', 'Australia/Lord_Howe', 'UTC']) {
    for (let ms = at('2026-01-01T00:00:00Z'); ms < at('2027-01-01T00:00:00Z'); ms += 35 * 3600_000 + 60_000) {
      const back = ofInput(inputOf(ms, zone), zone)
      assert.ok(back !== null)
      assert.deepEqual(wallOf(back, zone), wallOf(ms, zone), `${zone} ${new Date(ms).toISOString()}`)
    }
  }
  const berlin = (text: string) => ofInput(text, 'Europe/Berlin')
  assert.equal(berlin('2026-10-25T02:30'), at('2026-10-25T00:30:00Z'), 'of two, the first')
  assert.equal(berlin('2026-03-29T02:30'), at('2026-03-29T01:30:00Z'), 'of none, after the gap')
  assert.equal(berlin('yesterday'), null)
  assert.equal(momentOf({ year: 2026, month: 11, day: 21, hour: 24, minute: 0, second: 0 }, 'UTC'), at('2026-11-22T00:00:00Z'))
})

test('the same time a week before is the same wall time', () => {
  assert.equal(shiftDays(at('2026-04-01T08:00:00Z'), 'Europe/Berlin', -7), at('2026-03-25T09:00:00Z'))
})

test('ranges are whole minutes of local days', () => {
  const now = at('2026-03-29T13:30:20Z')
  const span = (range: string, more = {}) => {
    const s = spanOf({ range, from: '', to: '', interval: '', ...more }, now, 'Europe/Berlin')
    return s && [new Date(s.from).toISOString(), new Date(s.to).toISOString(), s.interval, s.day]
  }
  assert.deepEqual(span('today'), ['2026-03-28T23:00:00.000Z', '2026-03-29T13:31:00.000Z', '30m', true])
  assert.deepEqual(span('yesterday'), ['2026-03-27T23:00:00.000Z', '2026-03-28T23:00:00.000Z', '30m', true])
  assert.deepEqual(span('7d', { interval: '5m' }), ['2026-03-22T23:00:00.000Z', '2026-03-29T13:31:00.000Z', '1h', false], '5 minutes would be too many')
  assert.deepEqual(span('other', { from: '2026-03-29T10:00', to: '2026-03-29T12:00', interval: '5m' }), ['2026-03-29T08:00:00.000Z', '2026-03-29T10:00:00.000Z', '5m', false])
  assert.equal(span('other', { from: '2026-03-29T12:00', to: '2026-03-29T12:00' }), null)
})

test('times are written in the zone', () => {
  assert.equal(time(at('2026-11-21T09:03:12Z'), 'Europe/Berlin'), '10:03:12')
  assert.equal(time(at('2026-11-21T23:00:00Z'), 'Europe/Berlin'), '00:00:00')
  assert.equal(dateTime(at('2026-11-20T09:03:12Z'), 'UTC', at('2026-11-21T00:00:00Z')), 'Fri 20 Nov 09:03:12')
  assert.equal(zoneName(at('2026-11-21T09:03:12Z'), 'UTC'), 'UTC')
  assert.ok(known('Europe/Berlin') && !known('Europe/Nowhere') && !known(''))
})

test('tiles fill the screen as far as they can be read', () => {
  for (const [width, height] of [[360, 500], [1024, 700], [1920, 860], [3840, 1700], [10, 10]] as const) {
    for (let n = 1; n < 200; n++) {
      const { columns, rows, perPage } = fit(n, width, height)
      assert.ok(columns >= 1 && rows >= 1 && perPage === columns * rows && perPage < n + columns, `${n} in ${width} x ${height}: ${columns} x ${rows}`)
      assert.ok(columns === 1 || width / columns >= 300, `${n} in ${width}: ${columns} columns`)
    }
  }
  assert.deepEqual(fit(1, 1920, 860), { columns: 1, rows: 1, perPage: 1 })
  assert.equal(fit(10, 1920, 860).perPage >= 10, true, 'ten queues need no turning')
  assert.deepEqual(fit(100, 3840, 1700).perPage, 30, 'more than that is not read from afar')
})

test('a wait is late beyond the threshold and overdue beyond twice it', () => {
  for (const [ms, want] of [[null, 'calm'], [0, 'calm'], [20_000, 'calm'], [20_001, 'late'], [40_000, 'late'], [40_001, 'overdue']] as const) {
    assert.equal(waitLevel(ms, 20), want)
  }
})

test('a status is too long beyond its limit, and never without one', () => {
  assert.equal(tooLong('break', 15 * 60_000, { break: 15 }), false)
  assert.equal(tooLong('break', 15 * 60_000 + 1, { break: 15 }), true)
  assert.equal(tooLong('available', 1e12, { break: 15 }), false)
})

test('stored limits are read as far as they are limits', () => {
  assert.deepEqual(readLimits(null), standardLimits)
  assert.deepEqual(readLimits('{'), standardLimits)
  assert.deepEqual(readLimits('[]'), standardLimits)
  assert.deepEqual(readLimits('{"break":5,"lunch":"x","wrap":-1}'), { break: 5 })
  assert.deepEqual(readLimits('{}'), {}, 'all taken away')
})

// The check data of docs/metrics.md: two queues that make them up together.
test('service levels of queues are summed and divided last', () => {
  const parts = (formula: string): ServiceLevel[] => [
    { value: 1, formula, threshold_seconds: 20, answered: 900, abandoned: 10, answered_in: 860, abandoned_in: 5, abandoned_short: 4 },
    { value: 0, formula, threshold_seconds: 30, answered: 100, abandoned: 50, answered_in: 0, abandoned_in: 15, abandoned_short: 6 },
  ]
  const want: Record<string, string> = {
    abandoned_credited: '83.02', answered_only: '86.00', answered_over_all: '81.13', abandoned_in_neutral: '82.69', short_credited: '82.08', short_excluded: '81.90',
  }
  for (const [formula, value] of Object.entries(want)) assert.equal((sum(parts(formula))! * 100).toFixed(2), value, formula)
  assert.equal(sum([]), null)
  assert.equal(sum([{ ...parts('answered_only')[0]!, answered: 0, answered_in: 0 }]), null)
  assert.equal(sum([{ ...parts('answered_only')[0]!, formula: 'of the future' }]), null)
})

test('every status is in a group, suspended agents are away, and groups sum to those logged in', () => {
  for (const s of statuses) assert.ok(groupOf(s))
  assert.deepEqual(byGroup({ logged_in: 9, staffed: 8, available: 2, on_call: 3, in_chat: 1, ringing: 1, wrap: 1, lunch: 0, suspended: 1, logged_out: 40 }),
    { available: 2, ringing: 1, busy: 4, wrap: 1, away: 1 })
})

const message = (m: Partial<RowsMessage>): RowsMessage =>
  ({ type: 'rows', topic: 'agents', subscription: 'agents', cursor: '', as_of: '', reset: false, more: false, rows: [], removed: [], ...m })

test('messages make a table', () => {
  const t = new Table(row => row['n'] as number)
  assert.equal(t.loaded, false)
  t.apply(message({ reset: true, rows: [{ id: 'a', n: 1 }, { id: 'b', n: 2 }] }))
  assert.deepEqual([t.loaded, t.take().all], [true, true])
  t.apply(message({ rows: [{ id: 'b', n: 3 }, { group: { queue: 'x' }, n: 4 }], removed: ['a', 'never there'] }))
  assert.deepEqual([...t.rows], [['b', 3], [keyOf({ queue: 'x' }), 4]])
  assert.deepEqual(t.take(), { all: false, ids: new Set(['b', '{"queue":"x"}', 'a']) })
  assert.deepEqual(t.take(), { all: false, ids: new Set() })
})

test('a state in several messages is not seen by halves', () => {
  const t = new Table(row => row['n'] as number)
  t.apply(message({ reset: true, rows: [{ id: 'a', n: 1 }] }))
  assert.equal(t.apply(message({ reset: true, more: true, rows: [{ id: 'b', n: 2 }] })), false)
  assert.deepEqual([...t.rows.keys()], ['a'])
  assert.equal(t.apply(message({ rows: [{ id: 'c', n: 3 }] })), true)
  assert.deepEqual([...t.rows.keys()], ['b', 'c'])
})

const agent = (id: string, more: Record<string, unknown> = {}) =>
  readAgent({ id, name: `Agent ${id}`, status: 'available', status_since: '2026-11-21T10:00:00.000Z', team: { id: 't1', name: 'One' }, queue_ids: ['q1'], presence: null, suspended: false, ...more })

test('agents are filtered by all that is said', () => {
  const all = [agent('1'), agent('2', { status: 'logged_out' }), agent('3', { name: 'Ada Ångström', team: null, queue_ids: ['q2'] }), agent('4', { suspended: true, status: 'break' })]
  const any = { name: '', status: '', team: '', queue: '', all: false }
  const ids = (f: Partial<typeof any>) => all.filter(matches({ ...any, ...f })).map(a => a.id).join('')
  assert.equal(ids({}), '134')
  assert.equal(ids({ all: true }), '1234')
  assert.equal(ids({ name: ' ÅNG' }), '3')
  assert.equal(ids({ team: 't1' }), '14')
  assert.equal(ids({ queue: 'q2' }), '3')
  assert.equal(ids({ status: 'break', queue: 'q1' }), '4')
  assert.equal(ids({ status: 'suspended' }), '4')
  assert.equal(ids({ status: 'logged_out', all: true }), '2')
})

test('a reason is shown of the presence that applies', () => {
  const presence = { status: 'break', since: null, reason: { id: '7', name: 'Coffee' }, description: null }
  assert.equal(agent('1', { status: 'break', presence }).reason, 'Coffee')
  assert.equal(agent('1', { status: 'on_call', presence }).reason, null)
})

test('the longest time in a status comes first in descending order, who has none last in ascending', () => {
  const list = [agent('1'), agent('2', { status_since: '2026-11-21T09:00:00.000Z' }), agent('3', { status_since: null })]
  const ids = (desc: boolean) => [...list].sort(agentOrder([{ field: 'age', desc }])).map(a => a.id).join('')
  assert.equal(ids(false), '123')
  assert.equal(ids(true).replace('3', ''), '21')
})

test('columns are pressed for one order and, with Shift, for several', () => {
  const fields = ['name', 'age']
  let keys = parseSort('age:desc,unknown,age:asc', fields)
  assert.equal(writeSort(keys), 'age:desc')
  keys = pressed(keys, 'name', true)
  assert.equal(writeSort(keys), 'age:desc,name:asc')
  keys = pressed(keys, 'name', true)
  assert.equal(writeSort(keys), 'age:desc,name:desc')
  keys = pressed(keys, 'name', false)
  assert.equal(writeSort(keys), 'name:asc')
  keys = pressed(keys, 'name', false)
  assert.equal(writeSort(keys), 'name:desc')
  assert.equal(writeSort(pressed(keys, 'age', false, true)), 'age:desc')
})

// Whatever changes, the mended list is the one that sorting anew would give.
test('a mended order is the order', () => {
  let seed = 7
  const random = (n: number) => (seed = (seed * 48271) % 2147483647) % n
  const change = (id: string): Agent => agent(id, { name: `N${random(20)}`, status: statuses[random(5)], status_since: new Date(random(50) * 1000).toISOString() })
  const rows = new Map<string, Agent>()
  const keep = matches({ name: '', status: '', team: '', queue: '', all: false })
  for (const order of ['name:asc', 'age:desc,name:desc', 'status:asc,age:asc', '']) {
    const compare = agentOrder(parseSort(order, ['name', 'status', 'age']))
    let list = sorted(rows, keep, compare)
    for (let round = 0; round < 60; round++) {
      const ids = new Set<string>()
      for (let i = random(30); i >= 0; i--) {
        const id = String(random(200))
        ids.add(id)
        if (random(5) === 0) rows.delete(id)
        else rows.set(id, change(id))
      }
      list = mend(list, ids, rows, keep, compare)
      assert.deepEqual(list.map(a => a.id), sorted(rows, keep, compare).map(a => a.id))
    }
  }
})

test('the floor’s clock goes on from the newest message and stands still without a connection', () => {
  const c = new Clockwork()
  assert.equal(c.behindMs(), null)
  c.serverTime(new Date(1_000_000).toUTCString(), 5_000)
  assert.equal(c.now(5_000), 1_000_500, 'the middle of the second that the header names')
  c.message(1_000_900, 5_400)
  assert.equal(c.behindMs(), 0)
  assert.equal(c.now(7_400), 1_002_900)
  c.message(990_900, 5_400)
  assert.equal(c.behindMs(), 10_000)
  c.lost(9_000)
  c.lost(10_000)
  assert.deepEqual([c.lostAt, c.now(12_000)], [9_000, 990_900])
  c.found()
  assert.deepEqual([c.lostAt, c.now(12_400)], [null, 997_900])
  c.message(1_010_000, 15_000)
  assert.deepEqual([c.lostAt, c.now(15_000)], [null, 1_010_000])
})

test('dates of answers narrow the server’s time, a clock that is set is followed', () => {
  const c = new Clockwork()
  c.serverTime(new Date(100_000).toUTCString(), 0)
  c.serverTime(new Date(101_000).toUTCString(), 900)
  assert.equal(c.serverNow(0), 100_500, 'it agrees')
  c.serverTime(new Date(101_000).toUTCString(), 200)
  assert.equal(c.serverNow(0), 100_800, 'at least that')
  c.serverTime(new Date(500_000).toUTCString(), 2_000)
  assert.equal(c.serverNow(2_000), 500_000)
  c.serverTime('nonsense', 0)
  c.serverTime(null, 0)
  assert.equal(c.serverNow(2_000), 500_000)
})

test('pauses grow to ten seconds', () => {
  assert.deepEqual([0, 1, 2, 9].map(n => pauseMs(n, 0.5)), [1000, 2000, 4000, 10000])
  assert.ok(pauseMs(0, 0) >= 750 && pauseMs(9, 1) <= 12_500)
})

test('alerts are said in words', () => {
  const nameOf = (kind: string, id: string) => (kind === 'queue' ? `Queue ${id}` : id)
  const said = { scope: { queue: ['a', 'b'] }, window: '15m', comparison: '>', metric: 'longest_wait_ms', threshold: 60_000 }
  assert.equal(alertText(said, nameOf), 'Longest wait, Queue a and Queue b: more than 1:00')
  assert.equal(alertText({ ...said, metric: 'service_level', scope: { channel: ['voice'] }, comparison: '<', threshold: 0.8 }, nameOf), 'Service level, voice: less than 80 % in 15 min')
  assert.equal(alertText({ ...said, metric: 'agents_on_call', scope: {}, threshold: 2 }, nameOf), 'Agents on call: more than 2')
  assert.equal(alertText({ ...said, metric: 'abandoned', scope: {}, window: 'today', threshold: 20 }, nameOf), 'Abandoned: more than 20 today')
  for (const [key, name, text] of [['wait.p95_ms', 'Wait, 95 % within', '0:07'], ['wait', 'Wait', '0:07'], ['wait.count', 'Wait, count', '7,000'], ['occupancy', 'Occupancy', '700000 %'], ['talk.max', 'Talk, longest', '0:07']]) {
    assert.deepEqual([figureName(key!), figureText(key!, 7000)], [name, text])
  }
})

test('addresses are read as they are written', () => {
  const a = parseAddress(hrefOf('agents', 'a/1 ?', { view: 'grid', name: 'a b&c', all: true, long: false, team: '' }))
  assert.deepEqual([a.page, a.id, a.query.toString()], ['agents', 'a/1 ?', 'view=grid&name=a+b%26c&all=1'])
  assert.deepEqual([parseAddress('').page, parseAddress('#/floor').id, parseAddress('#/agents/%').id], ['', null, '%'])
  assert.equal(listOf(['a,b', 'c\\d']), 'a\\,b,c\\\\d')
})
