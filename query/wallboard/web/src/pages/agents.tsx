import { useEffect, useMemo, useRef, useState } from 'preact/hooks'

import { go, lists, now } from '../frame.ts'
import type { Frame } from '../frame.ts'
import { useStream } from '../live.ts'
import { hrefOf } from '../lib/address.ts'
import { agentFields, agentOrder, matches, readAgent } from '../lib/agent.ts'
import type { Agent, AgentFilter } from '../lib/agent.ts'
import { clock, count } from '../lib/duration.ts'
import { mend, parseSort, pressed, sorted, writeSort } from '../lib/order.ts'
import type { SortKey } from '../lib/order.ts'
import { anyOf, statusName, statuses } from '../lib/status.ts'
import { readLimits, standardLimits, tooLong } from '../lib/thresholds.ts'
import type { Limits } from '../lib/thresholds.ts'
import { useNames } from '../names.ts'
import { Check, Choice, Empty, Heading, Icon, Input, Select, SortHead, StatusChip } from '../parts.tsx'
import type { Table } from '../lib/rows.ts'
import { read, useSecond, write } from '../store.ts'
import { Scroll, Sheet } from '../virtual.tsx'

const columns: { field: string; name: string; firstDesc?: boolean }[] = [
  { field: 'name', name: 'Name' },
  { field: 'status', name: 'Status' },
  { field: 'age', name: 'Time in status', firstDesc: true },
  { field: 'team', name: 'Team' },
  { field: 'reason', name: 'Reason' },
]
const fields = columns.map(c => c.field)

interface View extends AgentFilter {
  grid: boolean
  long: boolean
  sort: string
}

function viewOf(q: URLSearchParams): View {
  const text = (name: string) => q.get(name) ?? ''
  return {
    name: text('name'), status: text('status'), team: text('team'), queue: text('queue'), all: q.has('all') || q.get('status') === 'logged_out',
    grid: q.get('view') === 'grid', long: q.has('long'), sort: writeSort(parseSort(q.get('sort') ?? 'age:desc', fields)),
  }
}

const limitsKey = 'floorwalker.limits'

export function Agents({ frame }: { frame: Frame }) {
  const view = viewOf(frame.query)
  lists.agents = location.hash
  const change = (to: Partial<View>) => {
    const v = { ...view, ...to }
    const standard = v.sort === 'age:desc'
    go(hrefOf('agents', null, { view: v.grid ? 'grid' : '', name: v.name, status: v.status, team: v.team, queue: v.queue, all: v.all, long: v.long, sort: standard ? '' : v.sort }), true)
  }
  const topics = useMemo(() => ({ agents: { query: { fields: agentFields, ...(view.all ? {} : { logged_in: 'true' }) }, read: readAgent } }), [view.all])
  const { agents } = useStream(frame.contactCenter.id, topics)
  const names = useNames(frame.contactCenter.id)
  const [limits, setLimits] = useState(() => readLimits(read(limitsKey)))
  const [asking, ask] = useState(false)
  useSecond()
  const at = now()
  const isLong = (a: Agent) => a.since !== null && tooLong(a.status, at - a.since, limits)
  const ordered = useOrder(agents, view)
  const list = view.long ? ordered.filter(isLong) : ordered
  const long = view.long ? list.length : list.reduce((n, a) => n + (isLong(a) ? 1 : 0), 0)
  const keys = parseSort(view.sort, fields)
  const rowOf = (a: Agent) => ({ agent: a, age: a.since === null ? null : Math.max(0, at - a.since), long: isLong(a) })
  return (
    <div class="page agents fill">
      <div class="top">
        <Heading page="Agents">Agents</Heading>
        <p class="count">
          <span data-testid="count">{count(list.length)} of {count(agents.rows.size)}</span>
          {long > 0 && (
            <button type="button" class="mark overdue" aria-pressed={view.long} title={view.long ? 'Show all again' : 'Show only these'} onClick={() => change({ long: !view.long })}>
              <Icon name="clock" /> {count(long)} too long
            </button>
          )}
        </p>
      </div>
      <div class="filters" role="search" aria-label="Agents">
        <Input label="Name" type="search" value={view.name} placeholder="Name or id" data-focus onInput={e => change({ name: e.currentTarget.value })} />
        <Select label="Status" value={view.status} options={statusOptions} onChange={status => change({ status, all: view.all && view.status !== 'logged_out' })} />
        <Select label="Team" value={view.team} options={[['', 'All teams'], ...names.teams]} onChange={team => change({ team })} />
        <Select label="Queue" value={view.queue} options={[['', 'All queues'], ...names.queues]} onChange={queue => change({ queue })} />
        <Check label="Logged-out too" checked={view.all} onChange={all => change({ all })} />
        <Check label="Too long only" checked={view.long} onChange={l => change({ long: l })} />
        <span class="push" />
        <button type="button" class="quiet" onClick={() => ask(true)}>Time limits</button>
        <Choice label="View" value={view.grid ? 'grid' : 'table'} options={[['table', 'Table'], ['grid', 'Grid']]} onChange={v => change({ grid: v === 'grid' })} />
      </div>
      {!agents.loaded ? <Empty>The agents are being read …</Empty> : list.length === 0 ? (
        <Empty>
          {!view.all && agents.rows.size === 0 ? 'Nobody is logged in.' : 'No agent matches.'}
          {!view.all && <> Logged-out agents are not shown. <button type="button" class="quiet" onClick={() => change({ all: true })}>Look among them, too</button></>}
        </Empty>
      ) : view.grid ? (
        <>
          <SortBar keys={keys} change={sort => change({ sort })} />
          <Grid list={list} rowOf={rowOf} />
        </>
      ) : (
        <TableView list={list} rowOf={rowOf} keys={keys} change={sort => change({ sort })} />
      )}
      {asking && <LimitsDialog limits={limits} close={() => ask(false)} save={l => {
        write(limitsKey, JSON.stringify(l))
        setLimits(l)
        ask(false)
      }} />}
    </div>
  )
}

const groups: [string, string][] = [[anyOf('available'), 'Free for work'], [anyOf('ringing'), 'Ringing or dialing'], [anyOf('busy'), 'In conversation'], [anyOf('wrap'), 'In wrap-up'],
  [anyOf('away'), 'Away (any)']]
const statusOptions: [string, string][] = [['', 'Any status'], ...groups, ...statuses.map(s => [s, statusName(s)] as [string, string]), ['suspended', 'Suspended']]

/** useOrder keeps the list in order while rows change. */
function useOrder(table: Table<Agent>, view: View): Agent[] {
  const kept = useRef<{ table: Table<Agent>; key: string; version: number; list: Agent[] } | null>(null)
  const key = [view.sort, view.name, view.status, view.team, view.queue, view.all].join('\n')
  const k = kept.current
  if (k && k.table === table && k.key === key && k.version === table.version) return k.list
  const change = table.take()
  const compare = agentOrder(parseSort(view.sort, fields))
  const keep = matches(view)
  const anew = !k || k.table !== table || k.key !== key || change.all || change.ids.size > table.rows.size / 2
  const list = anew ? sorted(table.rows, keep, compare) : mend(k.list, change.ids, table.rows, keep, compare)
  kept.current = { table, key, version: table.version, list }
  return list
}

interface Row {
  agent: Agent
  age: number | null
  long: boolean
}

function TableView({ list, rowOf, keys, change }: { list: Agent[]; rowOf: (a: Agent) => Row; keys: SortKey[]; change: (sort: string) => void }) {
  return (
    <Sheet label="Agents" count={list.length} kind="agents" head={columns.map(c => <SortHead key={c.field} {...c} keys={keys} change={change} />)}>
      {(first, end) => list.slice(first, end).map((a, i) => <AgentRow key={a.id} row={rowOf(a)} index={first + i} />)}
    </Sheet>
  )
}

function SortBar({ keys, change }: { keys: SortKey[]; change: (sort: string) => void }) {
  return (
    <div class="sortbar" role="group" aria-label="Sort by">
      {columns.map(c => {
        const at = keys.findIndex(k => k.field === c.field)
        return (
          <button key={c.field} type="button" class="quiet" aria-pressed={at >= 0} data-sort={at < 0 ? undefined : `${at + 1}:${keys[at]!.desc ? 'desc' : 'asc'}`}
            onClick={e => change(writeSort(pressed(keys, c.field, e.shiftKey, c.firstDesc)))}>
            {c.name}
            {at >= 0 && <Icon name={keys[at]!.desc ? 'down' : 'up'} />}
            {at >= 0 && keys.length > 1 && <sup>{at + 1}</sup>}
          </button>
        )
      })}
    </div>
  )
}

function AgentRow({ row: { agent: a, age, long }, index }: { row: Row; index: number }) {
  return (
    <div class={`row ${long ? 'long' : ''}`} role="row" aria-rowindex={index + 2} data-agent={a.id} data-status={a.status} data-long={long ? 'true' : undefined}>
      <div role="cell" class="cell name" data-cell="name"><a href={hrefOf('agents', a.id)}>{a.name}</a></div>
      <div role="cell" class="cell status" data-cell="status"><StatusChip status={a.status} suspended={a.suspended} /></div>
      <div role="cell" class="cell age" data-cell="age">{a.status === 'logged_out' ? '–' : clock(age)}{long && <TooLong />}</div>
      <div role="cell" class="cell team" data-cell="team">{a.teamName ?? '–'}</div>
      <div role="cell" class="cell reason" data-cell="reason">{a.reason ?? ''}</div>
    </div>
  )
}

const TooLong = () => <span class="mark overdue"><Icon name="clock" /> <span class="word">too long</span></span>

const tileWidth = 13 // rem, at least
const tileHeight = 5.25

function Grid({ list, rowOf }: { list: Agent[]; rowOf: (a: Agent) => Row }) {
  return (
    <Scroll label="Agents" count={list.length} lineHeight={tileHeight} lines={width => Math.floor(width / tileWidth)}>
      {(first, end) => (
        <ul class="grid" aria-label={`Agents ${first + 1} to ${end} of ${list.length}`}>
          {list.slice(first, end).map(a => <AgentTile key={a.id} row={rowOf(a)} />)}
        </ul>
      )}
    </Scroll>
  )
}

function AgentTile({ row: { agent: a, age, long } }: { row: Row }) {
  return (
    <li class={`agent ${long ? 'long' : ''}`} data-agent={a.id} data-status={a.status} data-long={long ? 'true' : undefined}>
      <a href={hrefOf('agents', a.id)}>
        <span class="line">
          <span class="name" data-cell="name">{a.name}</span>
          <span class="age" data-cell="age">{a.status === 'logged_out' ? '' : clock(age)}</span>
        </span>
        <span class="line">
          <span data-cell="status"><StatusChip status={a.status} suspended={a.suspended} /></span>
          {long ? <TooLong /> : <span class="reason" data-cell="reason">{a.reason ?? a.teamName ?? ''}</span>}
        </span>
      </a>
    </li>
  )
}

const limited = statuses.filter(s => s !== 'logged_out')

function LimitsDialog({ limits, save, close }: { limits: Limits; save: (limits: Limits) => void; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null)
  const [draft, setDraft] = useState<Record<string, string>>(() => texts(limits))
  useEffect(() => {
    dialog.current!.showModal()
  }, [])
  return (
    <dialog ref={dialog} aria-label="Time limits" onClose={close}>
      <form method="dialog" onSubmit={e => {
        e.preventDefault()
        save(limitsOf(draft))
      }}>
        <h2>Time limits</h2>
        <p>Minutes after which a status is too long. Without a number it never is. They are kept in this browser.</p>
        <div class="limits">
          {limited.map(s => (
            <Input key={s} label={statusName(s)} type="number" min="0" step="0.5" inputMode="decimal" value={draft[s] ?? ''} onInput={e => setDraft({ ...draft, [s]: e.currentTarget.value })} />
          ))}
        </div>
        <div class="buttons">
          <button type="submit" class="primary">Save</button>
          <button type="button" onClick={() => setDraft(texts(standardLimits))}>Back to standard</button>
          <button type="button" onClick={close}>Cancel</button>
        </div>
      </form>
    </dialog>
  )
}

const texts = (limits: Readonly<Limits>) => Object.fromEntries(Object.entries(limits).map(([s, n]) => [s, String(n)]))

const limitsOf = (draft: Record<string, string>): Limits =>
  Object.fromEntries(Object.entries(draft).filter(([, text]) => text.trim() !== '' && Number(text) >= 0).map(([s, text]) => [s, Number(text)]))
