import { clock, count, percent } from './duration.ts'
import { statusName, words } from './status.ts'

/** Said is of an alert what a sentence needs. */
export interface Said {
  metric: string
  scope: Record<string, string[] | string>
  window: string
  comparison: string
  threshold: number
}

const names: Record<string, string> = {
  longest_wait_ms: 'Longest wait', estimated_wait_ms: 'Estimated wait', asa: 'Average speed of answer', aht: 'Average handle time', service_level: 'Service level',
  agents_logged_in: 'Agents logged in', waiting: 'Waiting', current_talk_ms: 'Talk going on',
}
const ratios = ['service_level', 'abandon_rate', 'answer_rate', 'occupancy', 'utilization']
const durations = ['wait', 'abandon_wait', 'ring', 'talk', 'hold', 'parked', 'wrap', 'handle', 'monitored', 'first_response', 'direct_inbound_time', 'direct_outbound_time', 'asa', 'aht', 'status_ms']
const ofNow = /^(waiting|longest_wait|estimated_wait|agents_|workload|active_now|current_talk)/

/** figureName is what people call a key of the metric catalogue: `wait.p95_ms` becomes `Wait, 95 % within`. */
export function figureName(key: string): string {
  if (names[key]) return names[key]
  if (key.startsWith('agents_')) return `Agents ${statusName(key.slice('agents_'.length)).toLowerCase()}`
  const [metric = key, figure = ''] = key.replace(/_ms$/, '').split('.')
  const p = /^p(\d+)$/.exec(figure)
  const tail = p ? `${p[1]} % within` : figure === 'avg' || figure === 'value' ? '' : figure === 'max' ? 'longest' : words(figure).toLowerCase()
  return (names[metric] ?? words(metric)) + (figure && tail ? `, ${tail}` : '')
}

/** figureText writes a value of a key in its unit. */
export function figureText(key: string, value: number | null): string {
  const [metric = key, figure] = key.split('.')
  if (figure !== 'count' && ratios.includes(metric)) return percent(value, 1).replace('.0 %', ' %')
  if (figure !== 'count' && (key.endsWith('_ms') || durations.includes(metric))) return clock(value)
  return count(value)
}

const sides: Record<string, string> = { '>': 'more than', '>=': 'at least', '<': 'less than', '<=': 'at most' }

/** alertText says an alert in a sentence: `Longest wait, Back office: more than 1:00`. `nameOf` names what its scope names. */
export function alertText(a: Said, nameOf: (kind: string, id: string) => string): string {
  const where = Object.entries(a.scope).map(([kind, ids]) => [ids].flat().map(id => nameOf(kind, id)).join(' and ')).join(', ')
  const when = ofNow.test(a.metric) ? '' : a.window === 'today' ? ' today' : ` in ${a.window.replace(/^(\d+)m$/, '$1 min').replace(/^(\d+)h$/, '$1 h')}`
  return `${figureName(a.metric)}${where ? `, ${where}` : ''}: ${sides[a.comparison] ?? a.comparison} ${figureText(a.metric, a.threshold)}${when}`
}
