/** Wall time of a contact centre. Moments are milliseconds of the epoch; the zone is IANA's name. */

export interface Wall {
  year: number
  month: number // 1 to 12
  day: number
  hour: number
  minute: number
  second: number
}

const formats = new Map<string, Intl.DateTimeFormat>()

function format(zone: string, key: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const name = `${zone}\n${key}`
  let f = formats.get(name)
  if (!f) formats.set(name, (f = new Intl.DateTimeFormat('en-GB', { ...options, timeZone: zone })))
  return f
}

/** known says whether this browser knows the zone. */
export function known(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return zone !== ''
  } catch {
    return false
  }
}

export function wallOf(ms: number, zone: string): Wall {
  const f = format(zone, 'wall', {
    year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric', hourCycle: 'h23',
  })
  const wall: Wall = { year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0 }
  for (const p of f.formatToParts(ms)) if (p.type in wall) wall[p.type as keyof Wall] = Number(p.value)
  return wall
}

const asUTC = (w: Wall) => Date.UTC(w.year, w.month - 1, w.day, w.hour, w.minute, w.second)

/** offset is what the zone's clocks are ahead of UTC at a moment, in ms. */
function offset(ms: number, zone: string): number {
  const second = Math.floor(ms / 1000) * 1000
  return asUTC(wallOf(second, zone)) - second
}

/** momentOf finds the moment of a wall time; of two (clocks set back) the first; of none (set forward) the one after the gap as clocks would have gone on. */
export function momentOf(w: Wall, zone: string): number {
  const utc = asUTC(w)
  const day = 24 * 3600_000
  const before = offset(utc - day, zone)
  const after = offset(utc + day, zone)
  const first = utc - before
  if (offset(first, zone) === before) return first
  const second = utc - after
  return offset(second, zone) === after ? second : first
}

/** dayStart is the local midnight that begins the day `days` after that of the moment. */
export function dayStart(ms: number, zone: string, days = 0): number {
  const w = wallOf(ms, zone)
  return momentOf({ ...w, day: w.day + days, hour: 0, minute: 0, second: 0 }, zone)
}

/** shiftDays is the same wall time so many days later. */
export function shiftDays(ms: number, zone: string, days: number): number {
  const w = wallOf(ms, zone)
  return momentOf({ ...w, day: w.day + days }, zone) + (((ms % 1000) + 1000) % 1000)
}

const pad = (n: number, width = 2) => String(n).padStart(width, '0')

/** inputOf writes a moment for an input of type datetime-local: `2026-11-21T10:03`. */
export function inputOf(ms: number, zone: string): string {
  const w = wallOf(ms, zone)
  return `${pad(w.year, 4)}-${pad(w.month)}-${pad(w.day)}T${pad(w.hour)}:${pad(w.minute)}`
}

/** ofInput reads it; null where it says no time. */
export function ofInput(text: string, zone: string): number | null {
  const m = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d))?/.exec(text)
  if (!m) return null
  const [year, month, day, hour, minute, second] = m.slice(1).map(x => Number(x ?? 0))
  return momentOf({ year: year!, month: month!, day: day!, hour: hour!, minute: minute!, second: second! }, zone)
}

/** time writes `10:03:12`. */
export const time = (ms: number, zone: string) =>
  format(zone, 'time', { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }).format(ms)

/** minute writes `10:03`. */
export const minute = (ms: number, zone: string) => format(zone, 'minute', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(ms)

/** date writes `Sat 21 Nov`. */
export const date = (ms: number, zone: string) => format(zone, 'date', { weekday: 'short', day: 'numeric', month: 'short' }).format(ms).replace(',', '')

/** fullDate writes `Saturday 21 November 2026`. */
export const fullDate = (ms: number, zone: string) =>
  format(zone, 'full', { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' }).format(ms).replace(',', '')

/** dateTime writes the time, and the date where it is not the day of `today`. */
export function dateTime(ms: number, zone: string, today: number): string {
  return dayStart(ms, zone) === dayStart(today, zone) ? time(ms, zone) : `${date(ms, zone)} ${time(ms, zone)}`
}

/** zoneName is what people call the zone at a moment: `CET`, `GMT+5:30`. */
export function zoneName(ms: number, zone: string): string {
  return format(zone, 'name', { timeZoneName: 'short' }).formatToParts(ms).find(p => p.type === 'timeZoneName')?.value ?? zone
}
