import { get, pathOf } from '../api.ts'
import { Band } from '../band.tsx'
import type { Lane } from '../band.tsx'
import { lists, now } from '../frame.ts'
import type { Frame } from '../frame.ts'
import { none, useStream } from '../live.ts'
import { hrefOf } from '../lib/address.ts'
import { moment } from '../lib/agent.ts'
import { contact, who } from '../lib/customer.ts'
import type { Customer } from '../lib/customer.ts'
import { brief, clock } from '../lib/duration.ts'
import { words } from '../lib/status.ts'
import * as zone from '../lib/zone.ts'
import { useNames } from '../names.ts'
import type { Names } from '../names.ts'
import { Empty, Heading, Icon, Trouble, useAsk } from '../parts.tsx'
import { useSecond } from '../store.ts'
import { StateChip } from './interactions.tsx'

interface Segment {
  state: string
  since: string
  until: string | null
  role: string | null
  reason: string | null
}

interface Whole {
  id: string
  channel: string
  direction: string
  kind: string | null
  call_id: string | null
  queue_id: string | null
  campaign_id: string | null
  state: string
  created: string | null
  queued: string | null
  connected: string | null
  ended: string | null
  end_reason: string | null
  end_cause: string | null
  ended_by: string | null
  customer: Customer | null
  primary_agent_id: string | null
  wait_ms: number | null
  disposition_id: string | null
  sub_disposition_id: string | null
  agents: { agent_id: string; role: string | null; primary: boolean; talk_ms: number | null; hold_ms: number | null; wrap_ms: number | null; segments: Segment[] }[]
  visits: { queue_id: string; kind: string | null; entered: string; left: string | null; outcome: string | null; wait_ms: number | null }[]
  ivr: { time: string; node: string; result: string | null; note: string | null; duration_ms: number | null }[]
  messages: { time: string; from: string | null; to: string | null; text: string; from_agent: boolean; agent_id: string | null }[]
  notes: { time: string | null; agent_id: string | null; note: string }[]
  extra_items: { name: string | null; value: string }[]
  events: { time: string; type: string; source: string | null; data: unknown }[]
}

const refreshMs = 5000

export function InteractionPage({ frame }: { frame: Frame }) {
  const id = frame.id!
  const cc = frame.contactCenter.id
  useStream(cc, none)
  useSecond()
  const at = now()
  const path = pathOf(cc, `/interactions/${encodeURIComponent(id)}`)
  const first = useAsk(path, signal => get<Whole>(path, signal))
  const over = first.value !== null && first.value.id === id && first.value.state === 'ended'
  // What goes on is asked for again; what is over does not change.
  const later = useAsk(first.value && !over ? `${path} ${Math.floor(at / refreshMs)}` : null, signal => get<Whole>(path, signal))
  const whole = later.value && later.value.id === first.value?.id ? later.value : first.value
  const names = useNames(cc)
  return (
    <div class="page one">
      <p class="crumb"><a href={lists.interactions}><Icon name="back" /> Interactions</a></p>
      <Trouble error={first.error} />
      {!whole ? <Heading page={id}>{id}</Heading> : <Opened i={whole} names={names} frame={frame} at={at} />}
    </div>
  )
}

function Opened({ i, names, frame, at }: { i: Whole; names: Names; frame: Frame; at: number }) {
  const time = (text: string | null) => (moment(text) === null ? '–' : zone.dateTime(moment(text)!, frame.zone, at))
  const events = i.events.filter(e => e.type !== 'cc.interaction.message') // those are the transcript
  const name = `${who(i.customer)}, ${words(i.channel).toLowerCase()}`
  return (
    <>
      <div class="top">
        <Heading page={name}>{name}</Heading>
        <p class="standing"><StateChip state={i.state} /></p>
      </div>
      <section class="card wide" aria-label="Course">
        <h2>Course</h2>
        <Course i={i} names={names} zoneName={frame.zone} at={at} />
      </section>
      <div class="columns">
        <section class="card" aria-label="Details">
          <h2>Details</h2>
          <dl class="facts">
            <dt>Id</dt><dd class="code">{i.id}</dd>
            <dt>Direction</dt><dd>{words(i.direction)}{i.kind && `, ${words(i.kind).toLowerCase()}`}</dd>
            <dt>Customer</dt><dd>{contact(i.customer)}</dd>
            <dt>Queue</dt><dd>{names.queue(i.queue_id)}</dd>
            <dt>Agent</dt><dd>{i.primary_agent_id ? <a href={hrefOf('agents', i.primary_agent_id)}>{names.agent(i.primary_agent_id)}</a> : '–'}</dd>
            <dt>Created</dt><dd>{time(i.created)}</dd>
            <dt>Waited</dt><dd>{clock(i.wait_ms)}</dd>
            <dt>Connected</dt><dd>{time(i.connected)}{moment(i.connected) !== null && `, for ${brief((moment(i.ended) ?? at) - moment(i.connected)!)}`}</dd>
            <dt>Ended</dt><dd>{i.ended ? `${time(i.ended)}, ${words(i.end_reason).toLowerCase()}${i.ended_by ? ` by ${i.ended_by}` : ''}` : '–'}</dd>
            <dt>Disposition</dt><dd>{[i.disposition_id, i.sub_disposition_id].filter(Boolean).join(', ') || '–'}</dd>
            {i.extra_items.map((x, k) => [<dt key={`t${k}`}>{x.name ?? 'Item'}</dt>, <dd key={`d${k}`}>{x.value}</dd>])}
          </dl>
        </section>
        {i.messages.length > 0 && (
          <section class="card" aria-label="Transcript">
            <h2>Transcript</h2>
            <ol class="transcript" tabIndex={0} aria-label="Messages">
              {i.messages.map((m, k) => (
                <li key={k} class={m.from_agent ? 'agent' : 'customer'}>
                  <p class="from">{m.from ?? (m.from_agent ? names.agent(m.agent_id) : 'Customer')} <time>{time(m.time)}</time></p>
                  <p>{m.text}</p>
                </li>
              ))}
            </ol>
          </section>
        )}
        {i.notes.length > 0 && (
          <section class="card" aria-label="Notes">
            <h2>Notes</h2>
            <ul class="notes">{i.notes.map((n, k) => <li key={k}><p class="from">{names.agent(n.agent_id)} <time>{time(n.time)}</time></p><p>{n.note}</p></li>)}</ul>
          </section>
        )}
        {events.length > 0 && (
          <section class="card" aria-label="Events">
            <h2>Events</h2>
            <ol class="events" tabIndex={0} aria-label="All events">
              {events.map((e, k) => (
                <li key={k}><time>{time(e.time)}</time> <b>{words(e.type.replace(/^cc\.interaction\./, ''))}</b> <code>{plain(e.data, names)}</code></li>
              ))}
            </ol>
          </section>
        )}
      </div>
    </>
  )
}

/** plain writes an event's data for people: what ids are called, and times with their unit. */
function plain(data: unknown, names: Names): string {
  if (typeof data !== 'object' || data === null) return String(data ?? '')
  return Object.entries(data).filter(([, v]) => v !== null).map(([key, v]) => {
    const name = key.replace(/_(id|ms)$/, '').replaceAll('_', ' ')
    if (typeof v === 'object') return `${name}: (${plain(v, names)})`
    if (typeof v === 'number' && key.endsWith('_ms')) return `${name}: ${v < 10_000 ? `${(v / 1000).toFixed(1)} s` : brief(v)}`
    if (typeof v === 'string' && key.endsWith('agent_id')) return `${name}: ${names.agent(v)}`
    if (typeof v === 'string' && key.endsWith('queue_id')) return `${name}: ${names.queue(v)}`
    if (typeof v === 'boolean') return `${name}: ${v ? 'yes' : 'no'}`
    return `${name}: ${String(v)}`
  }).join(', ')
}

interface Step {
  from: number
  to: number
  open: boolean
  where: string
  what: string
  kind: string
}

const clockSkewMs = 500

const kinds: Record<string, string> = { ringing: 'ringing', dialing: 'ringing', connected: 'busy', held: 'held', parked: 'away', wrap: 'wrap' }

/** stepsOf are the stretches of an interaction's course, in order of where they happened. */
function stepsOf(i: Whole, names: Names, at: number): Step[] {
  const steps: Step[] = []
  const add = (from: string, until: string | null, where: string, what: string, kind: string) =>
    steps.push({ from: moment(from)!, to: moment(until) ?? at, open: until === null, where, what, kind })
  const created = moment(i.created) ?? -Infinity
  for (const n of i.ivr) {
    // The event contract does not say whether a node's event comes at its begin or at its end: at the end, if it began within the interaction then.
    const [time, length] = [moment(n.time)!, n.duration_ms ?? 0]
    const from = time - length >= created - clockSkewMs ? time - length : time
    steps.push({ from, to: from + length, open: false, where: 'IVR', what: `${words(n.node)}${n.result ? `: ${n.result}` : ''}`, kind: 'ivr' })
  }
  for (const v of i.visits) add(v.entered, v.left, names.queue(v.queue_id), `Waiting${v.outcome ? `, ${words(v.outcome).toLowerCase()}` : ''}`, v.outcome === 'abandoned' ? 'abandoned' : 'waiting')
  for (const a of i.agents) {
    for (const s of a.segments) add(s.since, s.until, names.agent(a.agent_id), `${words(s.state)}${s.reason ? `, ${words(s.reason).toLowerCase()}` : ''}`, kinds[s.state] ?? 'mark')
  }
  return steps
}

function Course({ i, names, zoneName, at }: { i: Whole; names: Names; zoneName: string; at: number }) {
  const steps = stepsOf(i, names, at)
  const lanes = new Map<string, Lane>()
  for (const s of steps) {
    const lane = lanes.get(s.where) ?? { name: s.where, stretches: [], marks: [] }
    lanes.set(s.where, lane)
    if (s.from === s.to) lane.marks!.push({ at: s.from, name: s.what })
    else lane.stretches.push({ from: s.from, to: s.to, kind: s.kind, name: s.what })
  }
  if (i.messages.length > 0) lanes.set('messages', { name: 'Messages', stretches: [], marks: i.messages.map(m => ({ at: moment(m.time)!, name: m.text })) })
  if (lanes.size === 0) return <Empty>Nothing is known of its course.</Empty>
  const from = Math.min(moment(i.created) ?? Infinity, ...steps.map(s => s.from))
  const to = Math.max(moment(i.ended) ?? -Infinity, ...steps.map(s => s.to), from + 1000)
  const inTime = [...steps].sort((a, b) => a.from - b.from)
  return (
    <>
      <div class="pan" tabIndex={0} role="region" aria-label="Course, drawn">
        <Band lanes={[...lanes.values()]} from={from} to={to} zoneName={zoneName}
          label={inTime.map(s => `${s.where}: ${s.what.toLowerCase()} ${brief(s.to - s.from)}`).join('; ')} />
      </div>
      <ul class="legend" aria-label="Colours">
        {[['ivr', 'IVR'], ['waiting', 'Waiting'], ['ringing', 'Ringing'], ['busy', 'Connected'], ['held', 'On hold'], ['away', 'Parked'], ['wrap', 'Wrap-up']]
          .filter(([kind]) => steps.some(s => s.kind === kind || (kind === 'waiting' && s.kind === 'abandoned')))
          .map(([kind, name]) => <li key={kind}><span class={`dot ${kind}`} aria-hidden="true" /> {name}</li>)}
      </ul>
      <details>
        <summary>Course as a table</summary>
        <div class="pan" tabIndex={0} role="region" aria-label="Course table">
          <table>
            <thead><tr><th scope="col">From</th><th scope="col">To</th><th scope="col">Length</th><th scope="col">Where</th><th scope="col">What</th></tr></thead>
            <tbody>
              {inTime.map((s, k) => (
                <tr key={k}>
                  <td>{zone.time(s.from, zoneName)}</td><td>{s.open ? 'goes on' : zone.time(s.to, zoneName)}</td><td>{brief(s.to - s.from)}</td><td>{s.where}</td><td>{s.what}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </>
  )
}
