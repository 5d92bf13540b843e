import { useMemo, useState } from 'preact/hooks'

import { get, pathOf, Problem, put } from '../api.ts'
import type { Page } from '../api.ts'
import { Band } from '../band.tsx'
import type { Lane, Stretch } from '../band.tsx'
import { lists, maySupervise, now } from '../frame.ts'
import type { Frame } from '../frame.ts'
import { useStream } from '../live.ts'
import { hrefOf, listOf } from '../lib/address.ts'
import { moment } from '../lib/agent.ts'
import { who } from '../lib/customer.ts'
import type { Customer } from '../lib/customer.ts'
import { brief, clock, count, percent } from '../lib/duration.ts'
import { groupOf, presences, statusName, words } from '../lib/status.ts'
import { readLimits, tooLong } from '../lib/thresholds.ts'
import * as zone from '../lib/zone.ts'
import { useNames } from '../names.ts'
import type { Names } from '../names.ts'
import { Empty, Figure, Heading, Icon, Input, Select, StatusChip, Trouble, useAsk } from '../parts.tsx'
import { read, useSecond } from '../store.ts'

interface Named {
  id: string
  name: string | null
}

interface Duration {
  count: number
  sum_ms: number
  avg_ms: number | null
}

interface AgentWhole {
  id: string
  name: string | null
  login: string | null
  status: string
  status_since: string | null
  presence: { status: string; since: string | null; reason: Named | null; description: string | null }
  suspended: boolean
  team: Named | null
  queue_ids: string[]
  skills: string[]
  session: { since: string | null; extension: string | null; device: { type: string | null } | null } | null
  workload: { live: number; semi_live: number; non_live: number }
  interactions: { id: string; channel: string; direction: string; state: string; since: string | null; state_since: string | null; queue_id: string | null; customer: Customer | null }[]
  today: {
    offered: number; answered: number; rona: number; transferred_out: number; direct_outbound: number; aht: number | null; occupancy: number | null; logged_in_ms: number
    talk: Duration; wrap: Duration; hold: Duration; status_ms: Record<string, number>
  } | null
}

const wanted = 'name,login,status,status_since,presence,suspended,team,queue_ids,skills,session,workload,interactions,today'

export function AgentPage({ frame }: { frame: Frame }) {
  const id = frame.id!
  const cc = frame.contactCenter.id
  const topics = useMemo(() => ({ agents: { query: { id: listOf([id]), fields: wanted }, read: (row: Record<string, unknown>) => row as unknown as AgentWhole } }), [id])
  const { agents } = useStream(cc, topics)
  const names = useNames(cc)
  useSecond()
  const at = now()
  const agent = agents.rows.get(id) ?? agents.rows.values().next().value
  if (!agent) {
    return (
      <div class="page">
        <p class="crumb"><a href={lists.agents}><Icon name="back" /> Agents</a></p>
        <Heading page={id}>{id}</Heading>
        <Empty>{agents.loaded ? 'There is no such agent.' : 'The agent is being read …'}</Empty>
      </div>
    )
  }
  const since = moment(agent.status_since)
  const age = since === null ? null : at - since
  const long = age !== null && tooLong(agent.status, age, readLimits(read('floorwalker.limits')))
  return (
    <div class="page one">
      <p class="crumb"><a href={lists.agents}><Icon name="back" /> Agents</a> <a href={hrefOf('interactions', null, { in: 'history', agent: agent.id })}>Interactions of today</a></p>
      <div class="top">
        <Heading page={agent.name ?? agent.id}>{agent.name ?? agent.id}</Heading>
        <p class="standing">
          <span data-figure="status" data-status={agent.status}><StatusChip status={agent.status} suspended={agent.suspended} /></span>{' '}
          <span class="age" data-figure="age">{agent.status === 'logged_out' ? '' : clock(age)}</span>
          {long && <span class="mark overdue"><Icon name="clock" /> too long</span>}
        </p>
      </div>
      <div class="columns">
        <Details agent={agent} names={names} frame={frame} at={at} />
        <Today agent={agent} />
        {maySupervise(frame.session) && <Supervise agent={agent} frame={frame} taken={a => agents.set(a.id, a as unknown as Record<string, unknown>)} />}
      </div>
      <Timeline agent={agent} frame={frame} at={at} names={names} />
    </div>
  )
}

function Details({ agent: a, names, frame, at }: { agent: AgentWhole; names: Names; frame: Frame; at: number }) {
  const time = (text: string | null | undefined) => {
    const ms = moment(text)
    return ms === null ? '–' : zone.dateTime(ms, frame.zone, at)
  }
  return (
    <section class="card" aria-label="Details">
      <h2>Details</h2>
      <dl class="facts">
        <dt>Login</dt><dd>{a.login ?? '–'}</dd>
        <dt>Team</dt><dd>{a.team ? (a.team.name ?? a.team.id) : '–'}</dd>
        <dt>Presence</dt><dd>{statusName(a.presence.status)}{a.presence.reason && `, ${a.presence.reason.name ?? a.presence.reason.id}`}{a.presence.description && `: ${a.presence.description}`}</dd>
        <dt>Logged in since</dt><dd>{time(a.session?.since)}</dd>
        <dt>Extension</dt><dd>{a.session?.extension ?? '–'}</dd>
        <dt>Queues</dt><dd>{a.queue_ids.map(names.queue).join(', ') || '–'}</dd>
        <dt>Skills</dt><dd>{a.skills.join(', ') || '–'}</dd>
        <dt>Working on</dt>
        <dd>
          {a.interactions.length === 0 ? '–' : (
            <ul class="plain">
              {a.interactions.map(i => (
                <li key={i.id}>
                  <a href={hrefOf('interactions', i.id)}>{i.customer ? who(i.customer) : i.id}</a> {words(i.channel).toLowerCase()}, {words(i.state).toLowerCase()}
                  {moment(i.state_since) !== null && ` ${clock(at - moment(i.state_since)!)}`}
                </li>
              ))}
            </ul>
          )}
        </dd>
      </dl>
    </section>
  )
}

function Today({ agent: { today: t } }: { agent: AgentWhole }) {
  return (
    <section class="card" aria-label="Today">
      <h2>Today</h2>
      {!t ? <Empty>Figures of today are not known at the moment.</Empty> : (
        <dl class="figures">
          <Figure name="Offered" figure="offered">{count(t.offered)}</Figure>
          <Figure name="Answered" figure="answered">{count(t.answered)}</Figure>
          <Figure name="No answer" figure="rona" title="Rang, and was not taken">{count(t.rona)}</Figure>
          <Figure name="Called out" figure="direct_outbound" title="Calls of the agent's own">{count(t.direct_outbound)}</Figure>
          <Figure name="Transferred" figure="transferred_out" title="To somebody else">{count(t.transferred_out)}</Figure>
          <Figure name="Avg. handle" figure="aht" title="Talk, hold and wrap-up of what is over">{clock(t.aht)}</Figure>
          <Figure name="Avg. talk" figure="talk">{clock(t.talk.avg_ms)}</Figure>
          <Figure name="Avg. wrap-up" figure="wrap">{clock(t.wrap.avg_ms)}</Figure>
          <Figure name="Occupancy" figure="occupancy" title="Work, of work and waiting for it">{percent(t.occupancy)}</Figure>
          <Figure name="Logged in" figure="logged_in">{brief(t.logged_in_ms)}</Figure>
          <Figure name="On break" figure="break">{brief((t.status_ms['break'] ?? 0) + (t.status_ms['lunch'] ?? 0))}</Figure>
        </dl>
      )}
    </section>
  )
}

interface Reason extends Named {
  status: string
}

function Supervise({ agent, frame, taken }: { agent: AgentWhole; frame: Frame; taken: (agent: AgentWhole) => void }) {
  const cc = frame.contactCenter.id
  const reasons = useAsk(cc, signal => get<Page<Reason>>(pathOf(cc, '/directory/reason_code', { limit: 1000 }), signal))
  const [status, setStatus] = useState('available')
  const [reason, setReason] = useState('')
  const [note, setNote] = useState('')
  const [busy, setBusy] = useState(false)
  const [answer, setAnswer] = useState('')
  const [error, setError] = useState<Problem | null>(null)
  const command = async (path: string, body: unknown, tell: (a: AgentWhole) => string) => {
    setBusy(true)
    setError(null)
    setAnswer('')
    try {
      const a = await put<AgentWhole>(pathOf(cc, `/agents/${encodeURIComponent(agent.id)}/${path}`), body)
      taken(a)
      setAnswer(tell(a))
    } catch (e) {
      setError(e instanceof Problem ? e : new Problem(0, 'unknown', String(e)))
    } finally {
      setBusy(false)
    }
  }
  const fitting = (reasons.value?.data ?? []).filter(r => r.status === status)
  const setPresence = () =>
    command('presence', { status, ...(reason && { reason_id: reason }), ...(note.trim() && { description: note.trim() }) },
      a => `Presence is ${statusName(a.presence.status)}${a.presence.reason ? `, ${a.presence.reason.name ?? a.presence.reason.id}` : ''} since ${zone.time(moment(a.presence.since) ?? now(), frame.zone)}; status ${statusName(a.status)}.`)
  const suspend = () => command('suspended', { suspended: !agent.suspended }, a => (a.suspended ? 'Suspended: gets nothing more to do.' : 'No longer suspended.'))
  return (
    <section class="card" aria-label="Supervise">
      <h2>Supervise</h2>
      <form onSubmit={e => {
        e.preventDefault()
        void setPresence()
      }}>
        <fieldset class="stack">
          <legend>Presence</legend>
          <Select label="Presence" value={status} options={presences.map(p => [p, statusName(p)] as const)} onChange={s => {
            setStatus(s)
            setReason('')
          }} />
          <Select label="Reason" value={reason} options={[['', 'None'], ...fitting.map(r => [r.id, r.name ?? r.id] as const)]} onChange={setReason} />
          <Input label="Note" type="text" maxLength={200} value={note} onInput={e => setNote(e.currentTarget.value)} />
          <div class="buttons">
            <button type="submit" class="primary" disabled={busy}>Set presence</button>
            <button type="button" disabled={busy} onClick={() => void suspend()}>{agent.suspended ? 'Take back suspension' : 'Suspend'}</button>
          </div>
        </fieldset>
      </form>
      <p class="answer" role="status" data-testid="answer">{answer}</p>
      <Trouble error={error} once />
    </section>
  )
}

interface Stay {
  kind: 'status' | 'interaction'
  since: string
  until: string | null
  duration_ms: number | null
  status: string | null
  reason: Named | null
  interaction_id: string | null
  channel: string | null
  queue_id: string | null
}

const staysShown = 1000
const minuteMs = 60_000
const refreshMs = 15_000

function Timeline({ agent, frame, at, names }: { agent: AgentWhole; frame: Frame; at: number; names: Names }) {
  const from = zone.dayStart(at, frame.zone)
  const path = pathOf(frame.contactCenter.id, `/agents/${encodeURIComponent(agent.id)}/timeline`,
    { from: new Date(from).toISOString(), limit: staysShown, fields: 'kind,since,until,duration_ms,status,reason,interaction_id,channel,queue_id' })
  // Asked anew now and then: history lies a flush behind, so the status of now is drawn from the live view.
  const { value, error } = useAsk(`${path} ${Math.floor(at / refreshMs)}`, signal => get<Page<Stay>>(path, signal))
  const stays = value?.data ?? []
  const end = (s: Stay) => moment(s.until) ?? at
  const since = moment(agent.status_since) ?? at
  const statusLane: Stretch[] = stays.filter(s => s.kind === 'status' && moment(s.since)! < since)
    .map(s => ({ from: moment(s.since)!, to: Math.min(end(s), since), kind: groupOf(s.status ?? ''), name: statusName(s.status) }))
  if (agent.status !== 'logged_out') statusLane.push({ from: Math.max(since, from), to: at, kind: groupOf(agent.status), name: statusName(agent.status) })
  const work: Stretch[] = stays.filter(s => s.kind === 'interaction').map(s => ({ from: moment(s.since)!, to: end(s), kind: 'part', name: `${words(s.channel)} ${names.queue(s.queue_id)}` }))
  const lanes: Lane[] = [{ name: 'Status', stretches: statusLane }, { name: 'Interactions', stretches: work }]
  const first = Math.min(...statusLane.map(s => s.from), at)
  const begin = statusLane.length > 0 ? Math.max(from, first - 10 * minuteMs) : from
  return (
    <section class="card wide" aria-label="Timeline">
      <h2>Timeline of {zone.fullDate(at, frame.zone)}</h2>
      <Trouble error={error} />
      {value && stays.length === 0 && <Empty>Nothing today.</Empty>}
      {stays.length > 0 && (
        <>
          <div class="pan" ref={toEnd} tabIndex={0} role="region" aria-label="Timeline, drawn">
            <Band lanes={lanes} from={begin} to={at} zoneName={frame.zone} label={`${agent.name ?? agent.id} on ${zone.fullDate(at, frame.zone)}: ${summary(stays, at)}`} />
          </div>
          <Legend />
          <details>
            <summary>Timeline as a table</summary>
            <div class="pan" tabIndex={0} role="region" aria-label="Timeline table">
              <table>
                <thead><tr><th scope="col">From</th><th scope="col">To</th><th scope="col">Length</th><th scope="col">What</th></tr></thead>
                <tbody>
                  {stays.map((s, i) => (
                    <tr key={i}>
                      <td>{zone.time(moment(s.since)!, frame.zone)}</td>
                      <td>{s.until ? zone.time(moment(s.until)!, frame.zone) : 'goes on'}</td>
                      <td>{brief(end(s) - moment(s.since)!)}</td>
                      <td>
                        {s.kind === 'status' ? `${statusName(s.status)}${s.reason ? `, ${s.reason.name ?? s.reason.id}` : ''}` : (
                          <a href={hrefOf('interactions', s.interaction_id)}>{words(s.channel)}, {names.queue(s.queue_id)}</a>
                        )}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          </details>
        </>
      )}
    </section>
  )
}

// On a narrow screen the newest is what is seen first.
const toEnd = (e: HTMLElement | null) => {
  if (e) e.scrollLeft = e.scrollWidth
}

/** summary says in words what the band shows: how long in each status. */
function summary(stays: Stay[], at: number): string {
  const sums = new Map<string, number>()
  for (const s of stays) if (s.kind === 'status' && s.status) sums.set(s.status, (sums.get(s.status) ?? 0) + (moment(s.until) ?? at) - moment(s.since)!)
  return [...sums].sort((a, b) => b[1] - a[1]).map(([status, ms]) => `${statusName(status)} ${brief(ms)}`).join(', ')
}

const Legend = () => (
  <ul class="legend" aria-label="Colours">
    {[['available', 'Available'], ['ringing', 'Ringing'], ['busy', 'In conversation'], ['wrap', 'Wrap-up'], ['away', 'Away, breaks'], ['part', 'Interaction']].map(([kind, name]) => (
      <li key={kind}><span class={`dot ${kind}`} aria-hidden="true" /> {name}</li>
    ))}
  </ul>
)
