/** When a wait or a status has gone on for too long. */

export type Level = 'calm' | 'late' | 'overdue'

/** waitLevel: late beyond the queue's service-level threshold, overdue beyond twice it. */
export function waitLevel(waitMs: number | null, thresholdSeconds: number): Level {
  if (waitMs == null || waitMs <= thresholdSeconds * 1000) return 'calm'
  return waitMs <= 2 * thresholdSeconds * 1000 ? 'late' : 'overdue'
}

const order: Record<Level, number> = { calm: 0, late: 1, overdue: 2 }

export const severity = (level: Level) => order[level]

interface Waiting {
  level: Level
  waitMs: number | null
  threshold: number // seconds
  waiting: number
}

/**
 * worse orders queues, the worst first: by level, then by how far the wait is beyond its threshold, then by how many wait. Of calm ones none is worse:
 * they would change places with every call that comes in.
 */
export const worse = (a: Waiting, b: Waiting) =>
  severity(b.level) - severity(a.level) || over(b) - over(a) || (a.level === 'calm' ? 0 : b.waiting - a.waiting)

// In whole multiples of the threshold, so that two queues that wait do not change places at every second.
const over = (w: Waiting) => (w.level === 'calm' ? 0 : Math.floor((w.waitMs ?? 0) / 1000 / w.threshold))

/** Limits are minutes by status; a status without one is never too long. */
export type Limits = Record<string, number>

export const standardLimits: Readonly<Limits> = {
  ringing: 0.5, dialing: 1, rona: 1, wrap: 2, on_call: 15, in_chat: 30, conference: 30, busy: 15, away: 15, break: 15, lunch: 45, be_right_back: 5,
  meeting: 60, off_phone: 30,
}

export function tooLong(status: string, ageMs: number, limits: Readonly<Limits>): boolean {
  const minutes = limits[status]
  return minutes !== undefined && ageMs > minutes * 60_000
}

/** readLimits takes what a page has stored; whatever is no limit is left out, and the standard stands in for nothing at all. */
export function readLimits(stored: string | null): Limits {
  if (stored == null) return { ...standardLimits }
  try {
    const value: unknown = JSON.parse(stored)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return { ...standardLimits }
    const limits: Limits = {}
    for (const [status, minutes] of Object.entries(value)) {
      if (typeof minutes === 'number' && Number.isFinite(minutes) && minutes >= 0) limits[status] = minutes
    }
    return limits
  } catch {
    return { ...standardLimits }
  }
}
