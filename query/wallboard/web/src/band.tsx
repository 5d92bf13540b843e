import { brief } from './lib/duration.ts'
import * as zone from './lib/zone.ts'

/** Stretch is a piece of time with a meaning. */
export interface Stretch {
  from: number
  to: number
  kind: string // class that colours it
  name: string
}

export interface Lane {
  name: string
  stretches: Stretch[]
  marks?: { at: number; name: string }[]
}

const height = 34
const gap = 10
const left = 150

/**
 * Band draws lanes over time, to scale. It is one picture with a name; what it shows stands in a table beside it, and in the tooltips.
 */
export function Band({ lanes, from, to, zoneName, label }: { lanes: Lane[]; from: number; to: number; zoneName: string; label: string }) {
  const width = 1200
  const span = Math.max(1, to - from)
  const named = lanes.some(l => l.name !== '')
  const x0 = named ? left : 0
  const x = (ms: number) => x0 + ((Math.min(Math.max(ms, from), to) - from) / span) * (width - x0)
  const bottom = lanes.length * (height + gap)
  return (
    <svg class="band" viewBox={`0 0 ${width} ${bottom + 26}`} role="img" aria-label={label}>
      {ticks(from, to, zoneName).map(t => (
        <g key={t.at} aria-hidden="true">
          <line class="tick" x1={x(t.at)} x2={x(t.at)} y1={0} y2={bottom} />
          <text class="hour" x={x(t.at)} y={bottom + 18} text-anchor={x(t.at) > width - 40 ? 'end' : x(t.at) < x0 + 24 ? 'start' : 'middle'}>{t.text}</text>
        </g>
      ))}
      {lanes.map((lane, i) => {
        const y = i * (height + gap)
        return (
          <g key={i} aria-hidden="true">
            <rect class="lane" x={x0} y={y} width={width - x0} height={height} rx={4} />
            {lane.name && <text class="name" x={0} y={y + height / 2 + 5}>{short(lane.name)}</text>}
            {lane.stretches.map((s, k) => (
              <rect key={k} class={`stretch ${s.kind}`} x={x(s.from)} y={y} width={Math.max(1.5, x(s.to) - x(s.from))} height={height}>
                <title>{`${s.name}, ${zone.time(s.from, zoneName)} to ${zone.time(s.to, zoneName)} (${brief(s.to - s.from)})`}</title>
              </rect>
            ))}
            {lane.marks?.map((m, k) => (
              <circle key={k} class="point" cx={x(m.at)} cy={y + height / 2} r={5}>
                <title>{`${m.name}, ${zone.time(m.at, zoneName)}`}</title>
              </circle>
            ))}
          </g>
        )
      })}
    </svg>
  )
}

const short = (text: string) => (text.length > 20 ? `${text.slice(0, 19)}…` : text)

const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600].map(s => s * 1000)

/** ticks are round local times, at most nine. */
function ticks(from: number, to: number, zoneName: string): { at: number; text: string }[] {
  const step = steps.find(s => (to - from) / s <= 8) ?? 43_200_000
  const midnight = zone.dayStart(from, zoneName)
  const out = []
  for (let at = midnight + Math.ceil((from - midnight) / step) * step; at <= to; at += step) {
    out.push({ at, text: step < 60_000 ? zone.time(at, zoneName) : zone.minute(at, zoneName) })
  }
  return out
}
