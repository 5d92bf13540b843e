import { useMemo, useState } from 'preact/hooks'

import { get, pathOf, Problem } from '../api.ts'
import type { Page } from '../api.ts'
import { go, lists, now } from '../frame.ts'
import type { Frame } from '../frame.ts'
import { none, useStream } from '../live.ts'
import { hrefOf, listOf } from '../lib/address.ts'
import { fold, moment } from '../lib/agent.ts'
import { who } from '../lib/customer.ts'
import type { Customer } from '../lib/customer.ts'
import { clock, count } from '../lib/duration.ts'
import { byNumber, byText, comparator, mend, parseSort, sorted, writeSort } from '../lib/order.ts'
import type { Compare } from '../lib/order.ts'
import { digitsOf, phoneOf } from '../lib/phone.ts'
import { words } from '../lib/status.ts'
import * as zone from '../lib/zone.ts'
import { useNames } from '../names.ts'
import { Choice, Empty, Heading, Icon, Input, Select, SortHead, Trouble, useAsk } from '../parts.tsx'
import { useSecond } from '../store.ts'
import { Sheet } from '../virtual.tsx'

interface Live {
  id: string
  channel: string
  direction: string
  queue: string | null
  state: string
  since: number | null
  created: number | null
  customer: string
  agent: string | null
  waiting: boolean // in a queue, also while it rings at an agent
  folded: string
  digits: string // of the customer's numbers
}

const open = ['ivr', 'waiting', 'dialing', 'ringing', 'connected', 'held', 'parked', 'wrap']
const channels = ['voice', 'video', 'chat', 'message', 'email', 'task']
const fields = 'channel,direction,queue_id,state,state_since,created,customer,primary_agent_id,waiting'

const topics = {
  interactions: {
    query: { state: open.join(','), fields },
    read: (row: Record<string, unknown>): Live => {
      const said = row['customer'] as Customer | null
      const customer = who(said)
      const id = row['id'] as string
      return {
        id, channel: row['channel'] as string, direction: row['direction'] as string, queue: row['queue_id'] as string | null, state: row['state'] as string,
        since: moment(row['state_since']), created: moment(row['created']), customer, agent: row['primary_agent_id'] as string | null, waiting: row['waiting'] === true,
        folded: fold(`${id}\n${customer}\n${said?.phone ?? ''}\n${said?.display_phone ?? ''}`), digits: `${said?.phone ?? ''} ${said?.display_phone ?? ''}`.replace(/[^\d ]/g, ''),
      }
    },
  },
}

export function Interactions({ frame }: { frame: Frame }) {
  const past = frame.query.get('in') === 'history'
  lists.interactions = location.hash
  return (
    <div class="page fill">
      <div class="top">
        <Heading page="Interactions">Interactions</Heading>
        <nav class="tabs" aria-label="Which interactions">
          <a href="#/interactions" aria-current={past ? undefined : 'page'}>Live</a>
          <a href="#/interactions?in=history" aria-current={past ? 'page' : undefined}>Earlier</a>
        </nav>
      </div>
      {past ? <Past frame={frame} /> : <LiveOnes frame={frame} />}
    </div>
  )
}

const stateOptions = open.map(s => [s, words(s)] as const)
const channelOptions = channels.map(c => [c, words(c)] as const)

const columns: { field: string; name: string; firstDesc?: boolean }[] = [
  { field: 'state', name: 'State' }, { field: 'for', name: 'In state', firstDesc: true }, { field: 'customer', name: 'Customer' }, { field: 'channel', name: 'Channel' },
  { field: 'queue', name: 'Queue' }, { field: 'agent', name: 'Agent' }, { field: 'created', name: 'Started' },
]

// The longest time comes last in ascending order: the latest beginning is the shortest time.
const orders: Record<string, Compare<Live>> = {
  state: (a, b) => byText(a.state, b.state),
  for: (a, b) => (a.since == null || b.since == null ? byNumber(a.since, b.since) : b.since - a.since),
  customer: (a, b) => byText(a.customer, b.customer),
  channel: (a, b) => byText(a.channel, b.channel),
  created: (a, b) => byNumber(a.created, b.created),
}
const longestFirst = 'for:desc'

function LiveOnes({ frame }: { frame: Frame }) {
  const { interactions } = useStream(frame.contactCenter.id, topics)
  const names = useNames(frame.contactCenter.id)
  const q = (name: string) => frame.query.get(name) ?? ''
  const keys = parseSort(q('sort') || longestFirst, Object.keys(orders))
  const sort = writeSort(keys)
  const filter = { find: q('find'), state: q('state'), queue: q('queue'), channel: q('channel'), sort: sort === longestFirst ? '' : sort }
  const change = (to: Partial<typeof filter>) => go(hrefOf('interactions', null, { ...filter, ...to }), true)
  useSecond()
  const at = now()
  const list = useLiveOrder(interactions, sort)
  const find = fold(filter.find.trim())
  const digits = digitsOf(find)
  const seen = list.filter(i => (filter.state === '' || (filter.state === 'waiting' ? i.waiting : i.state === filter.state)) && (filter.queue === '' || i.queue === filter.queue) &&
    (filter.channel === '' || i.channel === filter.channel) && (find === '' || i.folded.includes(find) || (digits !== null && i.digits.includes(digits))))
  return (
    <>
      <div class="filters" role="search" aria-label="Live interactions">
        <Input label="Find" type="search" placeholder="Name, phone, id" value={filter.find} data-focus onInput={e => change({ find: e.currentTarget.value })} />
        <Select label="State" value={filter.state} options={[['', 'Any state'], ...stateOptions]} onChange={state => change({ state })} />
        <Select label="Queue" value={filter.queue} options={[['', 'All queues'], ...names.queues]} onChange={queue => change({ queue })} />
        <Select label="Channel" value={filter.channel} options={[['', 'All channels'], ...channelOptions]} onChange={channel => change({ channel })} />
        <span class="push" />
        <p class="count"><span data-testid="count">{count(seen.length)} of {count(interactions.rows.size)}</span></p>
      </div>
      {!interactions.loaded ? <Empty>The interactions are being read …</Empty> : seen.length === 0 ? (
        <Empty>{interactions.rows.size === 0 ? 'Nothing goes on at the moment.' : 'No interaction matches.'}</Empty>
      ) : (
        <Sheet label="Interactions" kind="interactions" count={seen.length} head={columns.map(c => orders[c.field]
          ? <SortHead key={c.field} {...c} keys={keys} change={to => change({ sort: to })} />
          : <div key={c.field} role="columnheader" class={`cell ${c.field}`}>{c.name}</div>)}>
          {(first, end) => seen.slice(first, end).map((i, n) => (
            <div key={i.id} class="row" role="row" aria-rowindex={first + n + 2} data-interaction={i.id} data-state={i.state}>
              <div role="cell" class="cell state" data-cell="state"><StateChip state={i.state} /></div>
              <div role="cell" class="cell for" data-cell="age">{clock(i.since === null ? null : at - i.since)}</div>
              <div role="cell" class="cell customer" data-cell="customer"><a href={hrefOf('interactions', i.id)}>{i.customer}</a></div>
              <div role="cell" class="cell channel" data-cell="channel"><Way direction={i.direction} /> {words(i.channel)}</div>
              <div role="cell" class="cell queue" data-cell="queue">{names.queue(i.queue)}</div>
              <div role="cell" class="cell agent" data-cell="agent">{names.agent(i.agent)}</div>
              <div role="cell" class="cell created" data-cell="created">{i.created === null ? '–' : zone.dateTime(i.created, frame.zone, at)}</div>
            </div>
          ))}
        </Sheet>
      )}
    </>
  )
}

function useLiveOrder(table: { rows: Map<string, Live>; version: number; take: () => { all: boolean; ids: Set<string> } }, sort: string): Live[] {
  const [kept] = useState<{ table: unknown; sort: string; version: number; list: Live[] }>(() => ({ table: null, sort, version: -1, list: [] }))
  if (kept.table !== table || kept.sort !== sort || kept.version !== table.version) {
    const change = table.take()
    const compare = comparator(parseSort(sort, Object.keys(orders)), orders, (a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
    kept.list = kept.table !== table || kept.sort !== sort || change.all ? sorted(table.rows, () => true, compare) : mend(kept.list, change.ids, table.rows, () => true, compare)
    kept.table = table
    kept.sort = sort
    kept.version = table.version
  }
  return kept.list
}

const Way = ({ direction }: { direction: string }) => (
  <span class="way" title={words(direction)}>
    <Icon name={direction === 'inbound' ? 'in' : 'out'} />
    <span class="unseen">{words(direction)}</span>
  </span>
)

const stateGroup: Record<string, string> = { connected: 'busy', held: 'busy', parked: 'away', ringing: 'ringing', dialing: 'ringing', waiting: 'waiting', wrap: 'wrap', ivr: 'out', ended: 'out' }

export const StateChip = ({ state }: { state: string }) => (
  <span class={`chip ${stateGroup[state] ?? 'out'}`}><span class="dot" aria-hidden="true" />{words(state)}</span>
)

interface PastRow {
  id: string
  channel: string
  direction: string
  queue_id: string | null
  state: string
  created: string | null
  connected: string | null
  ended: string | null
  end_reason: string | null
  wait_ms: number | null
  customer: Customer | null
  primary_agent_id: string | null
}

const pageSize = 50
const pastFields = 'id,channel,direction,queue_id,state,created,connected,ended,end_reason,wait_ms,customer,primary_agent_id'

function Past({ frame }: { frame: Frame }) {
  const names = useNames(frame.contactCenter.id)
  useStream(frame.contactCenter.id, none)
  const at = now()
  const q = (name: string) => frame.query.get(name) ?? ''
  const given = {
    from: q('from') || zone.inputOf(zone.dayStart(at, frame.zone), frame.zone), to: q('to'),
    queue: q('queue'), channel: q('channel'), direction: q('direction'), state: q('state'), agent: q('agent'), phone: q('phone'), sort: q('sort') || 'created:desc',
  }
  const offset = Number(q('offset')) || 0
  const key = JSON.stringify({ ...given, from: q('from') }) // not a day that begins while somebody types
  const [search, setSearch] = useState(key)
  const [draft, setDraft] = useState(given)
  if (search !== key) { // Back leads to another search; an effect would come after what is typed meanwhile
    setSearch(key)
    setDraft(given)
  }
  const asked = useMemo(() => {
    const from = zone.ofInput(given.from, frame.zone)
    const to = zone.ofInput(given.to, frame.zone)
    return {
      from: from === null ? undefined : new Date(from).toISOString(), to: to === null ? undefined : new Date(to).toISOString(), queue: given.queue, channel: given.channel, direction: given.direction,
      state: given.state, customer_phone: given.phone && listOf([...new Set([given.phone.trim(), phoneOf(given.phone)])]), sort: given.sort, fields: pastFields,
    }
  }, [key, given.from, frame.zone])
  const cc = frame.contactCenter.id
  const path = pathOf(cc, '/interactions', { ...asked, limit: pageSize, offset })
  const { value, error, busy } = useAsk(`${path} ${given.agent}`, async signal =>
    get<Page<PastRow>>(given.agent.trim() ? `${path}&agent=${encodeURIComponent(listOf(await agentsCalled(cc, given.agent.trim(), signal)))}` : path, signal))
  const show = (query: Record<string, string | number>, inPlace = false) => go(hrefOf('interactions', null, { in: 'history', ...query }), inPlace)
  const set = (to: Partial<typeof given>) => setDraft(was => ({ ...was, ...to }))
  const total = value?.metadata.total ?? 0
  const last = Math.min(total, offset + (value?.data.length ?? 0))
  return (
    <>
      <form class="filters" aria-label="Search" onSubmit={e => {
        e.preventDefault()
        show(draft)
      }}>
        <Input label="From" type="datetime-local" required value={draft.from} onInput={e => set({ from: e.currentTarget.value })} />
        <Input label="To (empty: now)" type="datetime-local" value={draft.to} onInput={e => set({ to: e.currentTarget.value })} />
        <Select label="Queue" value={draft.queue} options={[['', 'All queues'], ...names.queues]} onChange={queue => set({ queue })} />
        <Select label="Channel" value={draft.channel} options={[['', 'All channels'], ...channelOptions]} onChange={channel => set({ channel })} />
        <Select label="Direction" value={draft.direction} options={[['', 'Both directions'], ['inbound', 'Inbound'], ['outbound', 'Outbound'], ['internal', 'Internal']]} onChange={direction => set({ direction })} />
        <Select label="State" value={draft.state} options={[['', 'Any state'], ...stateOptions, ['ended', 'Ended']]} onChange={state => set({ state })} />
        <Input label="Agent" type="text" placeholder="Name or id" value={draft.agent} onInput={e => set({ agent: e.currentTarget.value })} />
        <Input label="Phone" type="tel" placeholder="+49…" value={draft.phone} onInput={e => set({ phone: e.currentTarget.value })} />
        <Choice label="Order" value={draft.sort} options={[['created:desc', 'Newest'], ['wait_ms:desc', 'Longest wait']]} onChange={sort => show({ ...draft, sort })} />
        <button type="submit" class="primary">Search</button>
      </form>
      <Trouble error={error} />
      {!value && busy && <Empty>History is being searched …</Empty>}
      {value && total > 0 && (
        <div class={`pan results ${busy ? 'busy' : ''}`} tabIndex={0} role="region" aria-label="Found">
          <table aria-label="Interactions">
            <thead>
              <tr>{['Created', 'Customer', 'Channel', 'Queue', 'Agent', 'Wait', 'Length', 'End'].map(h => <th key={h} scope="col">{h}</th>)}</tr>
            </thead>
            <tbody>
              {value.data.map(i => (
                <tr key={i.id} data-interaction={i.id} data-state={i.state}>
                  <td data-cell="created">{moment(i.created) === null ? '–' : zone.dateTime(moment(i.created)!, frame.zone, at)}</td>
                  <td data-cell="customer"><a href={hrefOf('interactions', i.id)}>{who(i.customer)}</a></td>
                  <td data-cell="channel"><Way direction={i.direction} /> {words(i.channel)}</td>
                  <td data-cell="queue">{names.queue(i.queue_id)}</td>
                  <td data-cell="agent">{names.agent(i.primary_agent_id)}</td>
                  <td data-cell="wait" class="number">{clock(i.wait_ms)}</td>
                  <td data-cell="length" class="number">{clock(moment(i.connected) === null ? null : (moment(i.ended) ?? at) - moment(i.connected)!)}</td>
                  <td data-cell="end">{i.state === 'ended' ? words(i.end_reason) : <StateChip state={i.state} />}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {value && total === 0 && (
        <Empty>Nothing was found.{given.phone && ' Numbers are found whole, with the country as the platform says it: +493012345.'}{given.agent && ` No agent with "${given.agent}" in the name, or with that id, took part.`}</Empty>
      )}
      {value && total > 0 && <Pages first={total === 0 ? 0 : offset + 1} last={last} total={total} turn={by => show({ ...given, offset: Math.max(0, offset + by * pageSize) }, true)} />}
    </>
  )
}

const mostAgents = 100

/** agentsCalled are the ids of the agents who have a text in their name, or as their id; the text where there are none. */
async function agentsCalled(contactCenter: string, text: string, signal: AbortSignal): Promise<string[]> {
  const found = async (by: Record<string, string>) =>
    (await get<Page<{ id: string }>>(pathOf(contactCenter, '/agents', { ...by, fields: 'id', limit: mostAgents }), signal)).data.map(a => a.id)
  const [byId, byName] = await Promise.all([found({ id: listOf([text]) }), found({ name: text })])
  const ids = [...new Set([...byId, ...byName])]
  if (ids.length === mostAgents) throw new Problem(400, 'too_many', `More than ${mostAgents - 1} agents have "${text}" in their name: say more of it.`)
  return ids.length > 0 ? ids : [text]
}

function Pages({ first, last, total, turn }: { first: number; last: number; total: number; turn: (by: number) => void }) {
  return (
    <div class="pager">
      <button type="button" disabled={first <= 1} onClick={() => turn(-1)}>Previous page</button>
      <span data-testid="count">{count(first)}–{count(last)} of {count(total)}</span>
      <button type="button" disabled={last >= total} onClick={() => turn(1)}>Next page</button>
    </div>
  )
}
