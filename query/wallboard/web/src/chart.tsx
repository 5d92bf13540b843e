import { useEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'

import * as zone from './lib/zone.ts'

export interface Series {
  name: string
  color: string // of a variable of style.css, without --
  values: (number | null)[]
  as?: 'line' | 'bars' | 'area' | 'steps'
  dashed?: boolean
  write?: (value: number | null) => string
  on?: (number | null)[] // stacked upon these
}

/** Chart draws series over time in the contact centre's zone. `times` are the beginnings of intervals of `stepMs`. */
export function Chart({ name, times, stepMs, series, zoneName, write, most, steps }: {
  name: string
  times: number[]
  stepMs: number
  series: Series[]
  zoneName: string
  write: (value: number) => string // of the axis
  most?: number
  steps?: number[] // what the axis may be divided by; round decimal numbers without it
}) {
  const box = useRef<HTMLDivElement>(null)
  const theme = useTheme()
  const key = JSON.stringify([times.length, times[0], stepMs, series.map(s => [s.name, s.values, s.on]), zoneName, theme])
  useEffect(() => {
    const host = box.current!
    const color = (variable: string) => probe(host, `var(--${variable})`)
    const size = () => ({ width: Math.max(260, host.clientWidth), height: Math.max(200, Math.min(420, host.clientWidth * 0.34)) })
    const font = `${Math.round(parseFloat(getComputedStyle(host).fontSize) * 0.82)}px ${getComputedStyle(host).fontFamily}`
    const axis = { stroke: color('soft'), font, grid: { stroke: color('line'), width: 1 }, ticks: { stroke: color('line'), width: 1 } }
    const bars = uPlot.paths.bars!({ size: [0.72, 60], align: 1 })
    const linear = uPlot.paths.linear!()
    const stepped = uPlot.paths.stepped!({ align: 1 })
    const end = times[times.length - 1]! + stepMs // the last interval is as wide as the others
    const drawn = (s: Series) => {
      const values = s.on ? s.values.map((v, i) => (v == null ? v : v + (s.on![i] ?? 0))) : s.values
      return [...values, s.as === 'steps' ? values[values.length - 1]! : null]
    }
    const at = (i: number) => stepMs >= 86_400_000 ? zone.date(times[i]!, zoneName) : `${zone.date(times[i]!, zoneName)} ${zone.minute(times[i]!, zoneName)}`
    const plot = new uPlot({
      ...size(),
      tzDate: ts => uPlot.tzDate(new Date(ts * 1000), zoneName),
      cursor: { y: false, points: { show: false }, dataIdx: (u, _s, i, x) => (i > 0 && u.data[0][i]! > x ? i - 1 : i) }, // the interval that x lies in
      scales: { x: { range: [times[0]! / 1000, end / 1000] }, y: { range: (_u, _min, max) => [0, most ?? Math.max(1, (max ?? 0) * 1.08)] } },
      legend: { live: true },
      series: [
        { label: 'Interval', value: (_u, v, _s, i) => (v == null || i == null || i >= times.length ? '' : at(i)) },
        ...series.map((s): uPlot.Series => {
          const stroke = color(s.color)
          return {
            label: s.name, stroke, width: s.as === 'bars' ? 0 : 2, points: { show: s.as !== 'bars' && times.length < 3 },
            fill: s.as === 'bars' ? stroke : s.as === 'area' ? fade(stroke) : undefined, dash: s.dashed ? [6, 5] : undefined, spanGaps: false,
            paths: s.as === 'bars' ? bars : s.as === 'steps' ? stepped : linear,
            value: (_u, _v, _s, i) => (i == null ? '' : // nothing is pointed at
             (s.write ?? (v => (v == null ? '–' : write(v))))(s.values[i] ?? null)),
          }
        }),
      ],
      axes: [
        { ...axis, space: 80, size: 36, values: (_u, splits, _i, _space, step) => splits.map(t => (step >= 86_400 || isMidnight(t * 1000, zoneName) ? zone.date(t * 1000, zoneName) : zone.minute(t * 1000, zoneName))) },
        { ...axis, size: 62, ...(steps && { incrs: steps }), values: (_u, splits) => splits.map(write) },
      ],
    }, [[...times, end].map(t => t / 1000), ...series.map(drawn)], host)
    const observer = new ResizeObserver(() => {
      const to = size()
      if (to.width !== plot.width || to.height !== plot.height) plot.setSize(to)
    })
    observer.observe(host)
    return () => {
      observer.disconnect()
      plot.destroy()
    }
  }, [key])
  return (
    <figure class="card chart" aria-label={name}>
      <figcaption><h2>{name}</h2></figcaption>
      <div ref={box} class="plot" />
    </figure>
  )
}

const isMidnight = (ms: number, zoneName: string) => zone.dayStart(ms, zoneName) === ms

/** probe finds what a colour of the style is at present. */
function probe(host: HTMLElement, value: string): string {
  const e = document.createElement('i')
  e.style.color = value
  host.append(e)
  const found = getComputedStyle(e).color
  e.remove()
  return found
}

const fade = (rgb: string) => rgb.replace(/^rgb\((.*)\)$/, (_, parts: string) => `rgba(${parts}, 0.14)`)

/** useTheme becomes another value when the colours do. */
function useTheme(): string {
  const [theme, set] = useState('')
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)')
    const look = () => set(`${query.matches} ${document.documentElement.dataset['theme'] ?? ''}`)
    const observer = new MutationObserver(look)
    observer.observe(document.documentElement, { attributeFilter: ['data-theme'] })
    query.addEventListener('change', look)
    look()
    return () => {
      observer.disconnect()
      query.removeEventListener('change', look)
    }
  }, [])
  return theme
}
