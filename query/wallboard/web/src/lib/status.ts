/** Words of an agent's statuses (docs/events.md) and the groups that a wall shows them in. */

export const presences = [
  'available', 'busy', 'away', 'break', 'lunch', 'meeting', 'training', 'off_phone', 'be_right_back', 'off_work', 'logged_out',
] as const

export const statuses = [
  'available', 'on_call', 'in_chat', 'conference', 'ringing', 'dialing', 'wrap', 'rona', 'busy', 'away', 'break', 'lunch', 'meeting', 'training',
  'off_phone', 'be_right_back', 'off_work', 'logged_out',
] as const

const names: Record<string, string> = {
  available: 'Available', busy: 'Busy', away: 'Away', break: 'Break', lunch: 'Lunch', meeting: 'Meeting', training: 'Training', off_phone: 'Off phone',
  be_right_back: 'Be right back', off_work: 'Off work', logged_out: 'Logged out', ringing: 'Ringing', dialing: 'Dialing', on_call: 'On call',
  in_chat: 'In chat', conference: 'Conference', wrap: 'Wrap-up', rona: 'No answer', suspended: 'Suspended',
}

/** words makes a word of the API readable: `no_answer` becomes `No answer`. */
export function words(key: string | null | undefined): string {
  if (!key) return '–'
  if (key === 'ivr') return 'IVR'
  const text = key.replaceAll('_', ' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}

export const statusName = (status: string | null | undefined) => names[status ?? ''] ?? words(status)

export type Group = 'available' | 'ringing' | 'busy' | 'wrap' | 'away' | 'out'

const groups: Record<string, Group> = {
  available: 'available', ringing: 'ringing', dialing: 'ringing', on_call: 'busy', in_chat: 'busy', conference: 'busy', wrap: 'wrap', logged_out: 'out',
}

/** groupOf is the group of a status; whatever keeps an agent from work otherwise is `away`. */
export const groupOf = (status: string): Group => groups[status] ?? 'away'

/** anyOf is the filter of a group of statuses, beside those of single ones; agents count in it as in byGroup. */
export const anyOf = (group: Group) => `any:${group}`

/** groupShown is the group that an agent counts in. */
export const groupShown = (status: string, suspended: boolean): Group => (suspended && status === 'available' ? 'away' : groupOf(status))

/** shown are the groups of a wall, in order, with their words. */
export const shown: { group: Exclude<Group, 'out'>; name: string }[] = [
  { group: 'available', name: 'Available' },
  { group: 'ringing', name: 'Ringing' },
  { group: 'busy', name: 'In conversation' },
  { group: 'wrap', name: 'Wrap-up' },
  { group: 'away', name: 'Away' },
]

/** Heads is `agents` of a queue or of the summary: counts by status. Those of a status sum to `logged_in`. */
export type Heads = Record<string, number>

/** byGroup adds head-counts up by group; suspended agents are `away`. */
export function byGroup(heads: Heads): Record<Exclude<Group, 'out'>, number> {
  const sums = { available: 0, ringing: 0, busy: 0, wrap: 0, away: 0 }
  for (const [status, n] of Object.entries(heads)) {
    if (status === 'logged_in' || status === 'staffed') continue
    const group = groupOf(status)
    if (group !== 'out') sums[group] += n
  }
  return sums
}
