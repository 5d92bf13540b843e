const pad = (n: number) => String(n).padStart(2, '0')

/** clock writes milliseconds as `0:07`, `12:34` or `1:02:03`, running durations rounded down; `–` where there is none. */
export function clock(ms: number | null | undefined): string {
  if (ms == null) return '–'
  const s = Math.max(0, Math.floor(ms / 1000))
  const h = Math.floor(s / 3600)
  const m = Math.floor(s / 60) % 60
  return h > 0 ? `${h}:${pad(m)}:${pad(s % 60)}` : `${m}:${pad(s % 60)}`
}

/** brief writes a length for people, in its two largest units: `45 s`, `12 min 30 s`, `3 h 5 min`. */
export function brief(ms: number | null | undefined): string {
  if (ms == null) return '–'
  const s = Math.max(0, Math.round(ms / 1000))
  if (s < 60) return `${s} s`
  const m = Math.floor(s / 60)
  if (m < 60) return s % 60 ? `${m} min ${s % 60} s` : `${m} min`
  const h = Math.floor(m / 60)
  return m % 60 ? `${h} h ${m % 60} min` : `${h} h`
}

/** percent writes a fraction; `–` over nothing, which is neither 0 nor 100 %. */
export function percent(value: number | null | undefined, digits = 0): string {
  if (value == null || !Number.isFinite(value)) return '–'
  return `${(value * 100).toFixed(digits)} %`
}

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })

/** count writes an integer with separators; `–` where there is none. */
export function count(n: number | null | undefined): string {
  return n == null ? '–' : whole.format(n)
}
