/** Ranges of history that people name. */

import * as zone from './zone.ts'

export interface Span {
  from: number
  to: number
  interval: string
  day: boolean // it is one day, or the part of it that has been
}

const minute = 60_000
const day = 1440 * minute

export const intervals = [
  { key: '5m', name: '5 minutes', ms: 5 * minute },
  { key: '15m', name: '15 minutes', ms: 15 * minute },
  { key: '30m', name: '30 minutes', ms: 30 * minute },
  { key: '1h', name: '1 hour', ms: 60 * minute },
  { key: '1d', name: '1 day', ms: day },
  { key: '1w', name: '1 week', ms: 7 * day },
] as const

const most = 1000 // intervals of an answer

/** spanOf makes whole minutes of a named range; null where it is none. An interval that does not fit becomes one that does. */
export function spanOf(view: { range: string; from: string; to: string; interval: string }, now: number, zoneName: string): Span | null {
  const minuteNow = Math.ceil(now / minute) * minute
  const today = zone.dayStart(now, zoneName)
  let from = today
  let to = minuteNow
  switch (view.range) {
    case 'yesterday':
      from = zone.dayStart(now, zoneName, -1)
      to = today
      break
    case '7d':
      from = zone.dayStart(now, zoneName, -6)
      break
    case '30d':
      from = zone.dayStart(now, zoneName, -29)
      break
    case 'other':
      from = zone.ofInput(view.from, zoneName) ?? today
      to = zone.ofInput(view.to, zoneName) ?? minuteNow
      break
  }
  if (to <= from) return null
  const length = to - from
  const standard = length <= 26 * 60 * minute ? '30m' : length <= 8 * day ? '1h' : length <= 100 * day ? '1d' : '1w'
  const chosen = intervals.find(i => i.key === view.interval)
  const interval = chosen && length / chosen.ms <= most ? chosen.key : standard
  return { from, to, interval, day: length <= 25 * 60 * minute && zone.dayStart(from, zoneName) === from }
}
