import { get, pathOf } from '../api.ts'
import type { Page } from '../api.ts'
import { go, now } from '../frame.ts'
import type { Frame } from '../frame.ts'
import { none, useStream } from '../live.ts'
import type { Alert } from '../live.ts'
import { hrefOf } from '../lib/address.ts'
import { moment } from '../lib/agent.ts'
import { alertText, figureText } from '../lib/alert.ts'
import type { Said } from '../lib/alert.ts'
import { brief, clock } from '../lib/duration.ts'
import { words } from '../lib/status.ts'
import * as zone from '../lib/zone.ts'
import { useNames } from '../names.ts'
import type { Names } from '../names.ts'
import { Empty, Heading, Icon, Select, Trouble, useAsk } from '../parts.tsx'
import { useSecond } from '../store.ts'

interface Rule extends Said {
  id: string
  for_seconds: number
  clear_threshold: number | null
  severity: string | null
}

const since = [['24h', '24 hours'], ['7d', '7 days'], ['30d', '30 days']] as const
const lengths: Record<string, string> = { '24h': 'now-24h', '7d': 'now-168h', '30d': 'now-720h' }

export function Alerts({ frame }: { frame: Frame }) {
  const cc = frame.contactCenter.id
  const { alerts } = useStream(cc, none)
  const names = useNames(cc)
  useSecond()
  const at = now()
  const range = frame.query.get('since') ?? '24h'
  const path = pathOf(cc, '/alerts', { state: 'history', from: lengths[range] ?? 'now-24h', to: 'now', sort: 'triggered:desc', limit: 200 })
  // Asked anew when an alert comes, goes or changes.
  const { value, error } = useAsk(`${path} ${alerts.version}`, signal => get<Page<Alert>>(path, signal))
  const rulesPath = pathOf(cc, '/directory/alert_rule', { limit: 1000 })
  const rules = useAsk(rulesPath, signal => get<Page<Rule>>(rulesPath, signal))
  const open = [...alerts.rows.values()].sort((a, b) => (a.triggered < b.triggered ? 1 : -1))
  const time = (text: string | null) => (moment(text) === null ? '–' : zone.dateTime(moment(text)!, frame.zone, at))
  const earlier = (value?.data ?? []).filter(a => !alerts.rows.has(a.id))
  return (
    <div class="page">
      <div class="top"><Heading page="Alerts">Alerts</Heading></div>
      <section class="card wide" aria-label="Open">
        <h2>Open</h2>
        {open.length === 0 ? <Empty>{alerts.loaded ? 'No alert is open.' : 'The alerts are being read …'}</Empty> : (
          <div class="pan" tabIndex={0} role="region" aria-label="Open alerts, rows">
            <table aria-label="Open alerts">
              <thead><tr>{['Severity', 'Alert', 'Value then', 'Rule', 'Triggered', 'For'].map(h => <th key={h} scope="col">{h}</th>)}</tr></thead>
              <tbody>
                {open.map(a => (
                  <tr key={a.id} data-alert={a.id} data-state={a.state} data-severity={a.severity ?? ''}>
                    <td><Severity severity={a.severity} /></td>
                    <td title={a.message}><What alert={a} names={names} /></td>
                    <td class="number" title="When it last changed">{figureText(a.metric, a.value)}</td>
                    <td>{a.rule.name ?? a.rule.id}</td>
                    <td>{time(a.triggered)}</td>
                    <td class="number">{clock(at - moment(a.since)!)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </section>
      <section class="card wide" aria-label="Earlier">
        <div class="top">
          <h2>Earlier</h2>
          <Select label="Since" value={range} options={since} onChange={s => go(hrefOf('alerts', null, { since: s === '24h' ? '' : s }), true)} />
        </div>
        <Trouble error={error} />
        {value && earlier.length === 0 && <Empty>None in the last {since.find(([key]) => key === range)?.[1] ?? '24 hours'}.</Empty>}
        {earlier.length > 0 && (
          <div class="pan" tabIndex={0} role="region" aria-label="Earlier alerts, rows">
            <table aria-label="Earlier alerts">
              <thead><tr>{['Severity', 'Alert', 'Value then', 'Rule', 'Triggered', 'Cleared', 'Lasted', 'Why it ended'].map(h => <th key={h} scope="col">{h}</th>)}</tr></thead>
              <tbody>
                {earlier.map(a => (
                  <tr key={a.id} data-alert={a.id} data-state={a.state} data-severity={a.severity ?? ''}>
                    <td><Severity severity={a.severity} /></td>
                    <td title={a.message}><What alert={a} names={names} /></td>
                    <td class="number" title="When it last changed">{figureText(a.metric, a.value)}</td>
                    <td>{a.rule.name ?? a.rule.id}</td>
                    <td>{time(a.triggered)}</td>
                    <td>{time(a.cleared)}</td>
                    <td class="number">{a.cleared ? brief(moment(a.cleared)! - moment(a.triggered)!) : '–'}</td>
                    <td>{words(a.reason)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </section>
      <section class="card wide" aria-label="Rules">
        <h2>Rules</h2>
        <Trouble error={rules.error} />
        {rules.value && rules.value.data.length === 0 && <Empty>The directory has no rules: nothing is watched but what the server's configuration names.</Empty>}
        {rules.value && rules.value.data.length > 0 && (
          <div class="pan" tabIndex={0} role="region" aria-label="Rules, rows">
            <table aria-label="Rules">
              <thead><tr>{['Severity', 'Alert', 'Once it has held for', 'Until', 'Rule'].map(h => <th key={h} scope="col">{h}</th>)}</tr></thead>
              <tbody>
                {rules.value.data.map(r => (
                  <tr key={r.id} data-rule={r.id}>
                    <td><Severity severity={r.severity} /></td>
                    <td>{alertText(r, names.scope)}</td>
                    <td>{r.for_seconds > 0 ? brief(r.for_seconds * 1000) : 'a moment'}</td>
                    <td>{untilText(r)}</td>
                    <td>{r.id}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
        {rules.value && rules.value.data.length > 0 && <p class="note">Those of the server's configuration are not listed here.</p>}
      </section>
    </div>
  )
}

/** What says an alert in words; where it is about queues, they lead to the queues' course of the day. */
function What({ alert: a, names }: { alert: Alert; names: Names }) {
  const text = alertText(a, names.scope)
  const queues = [a.scope['queue'] ?? []].flat()
  return queues.length === 0 ? <>{text}</> : <a href={`#/history?${queues.map(id => `queue=${encodeURIComponent(id)}`).join('&')}`}>{text}</a>
}

const opposites: Record<string, string> = { '>': 'at most', '>=': 'less than', '<': 'at least', '<=': 'more than' }

/** untilText says when an alert of a rule ends. */
const untilText = (r: Rule) => `${opposites[r.comparison] ?? ''} ${figureText(r.metric, r.clear_threshold ?? r.threshold)}`

const Severity = ({ severity }: { severity: string | null }) => (
  <span class={`mark ${severity === 'critical' ? 'overdue' : 'late'}`}><Icon name={severity === 'critical' ? 'alarm' : 'warning'} /> {words(severity)}</span>
)
