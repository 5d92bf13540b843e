import { useEffect, useRef, useState } from 'preact/hooks'

import { get, pathOf } from '../api.ts'
import type { Page } from '../api.ts'
import { Chart } from '../chart.tsx'
import { go, now } from '../frame.ts'
import type { Frame } from '../frame.ts'
import { none, useStream } from '../live.ts'
import { hrefOf, listOf } from '../lib/address.ts'
import { moment } from '../lib/agent.ts'
import { csvOf } from '../lib/csv.ts'
import type { Cell } from '../lib/csv.ts'
import { clock, count, percent } from '../lib/duration.ts'
import type { ServiceLevel } from '../lib/level.ts'
import { intervals, spanOf } from '../lib/span.ts'
import type { Span } from '../lib/span.ts'
import * as zone from '../lib/zone.ts'
import { useNames } from '../names.ts'
import type { Names } from '../names.ts'
import { Check, Empty, Figure, Heading, Icon, Input, Select, Trouble, useAsk, useDismiss } from '../parts.tsx'
import { useSecond } from '../store.ts'

interface Values {
  offered: number
  answered: number
  abandoned: number
  abandon_rate: number | null
  service_level: ServiceLevel
  asa: number | null
  'wait.p50': number | null
  'wait.p90': number | null
  'wait.p95': number | null
  'wait.max': number | null
}

interface MetricsRow {
  interval: { from: string; to: string }
  values: Values
}

const metrics = 'offered,answered,abandoned,abandon_rate,service_level,asa,wait.p50,wait.p90,wait.p95,wait.max'
const mostRows = 1000

const ranges = [['today', 'Today'], ['yesterday', 'Yesterday'], ['7d', 'Last 7 days'], ['30d', 'Last 30 days'], ['other', 'Other']] as const

export function History({ frame }: { frame: Frame }) {
  const cc = frame.contactCenter.id
  const names = useNames(cc)
  const [table, setTable] = useState<Exported | null>(null)
  useStream(cc, none)
  useSecond() // a range that ends now goes on with every minute
  const q = (name: string) => frame.query.get(name) ?? ''
  const view = {
    range: q('range') || 'today', from: q('from'), to: q('to'), interval: q('interval'), queues: frame.query.getAll('queue'), compare: q('compare') !== '0',
  }
  const change = (to: Partial<typeof view>) => {
    const v = { ...view, ...to }
    const href = hrefOf('history', null, { range: v.range === 'today' ? '' : v.range, from: v.range === 'other' ? v.from : '', to: v.range === 'other' ? v.to : '', interval: v.interval, compare: v.compare ? '' : '0' })
    const queues = v.queues.map(id => `queue=${encodeURIComponent(id)}`).join('&')
    go(queues ? `${href}${href.includes('?') ? '&' : '?'}${queues}` : href, true)
  }
  const span = spanOf(view, now(), frame.zone)
  return (
    <div class="page history">
      <div class="top"><Heading page="History">History</Heading></div>
      <form class="filters" aria-label="What to show" onSubmit={e => e.preventDefault()}>
        <Select label="Range" value={view.range} options={ranges} onChange={range => change({ range, interval: '', ...(range === 'other' && asInputs(span, frame.zone)) })} />
        {view.range === 'other' && <Input label="From" type="datetime-local" value={view.from} onChange={e => change({ from: e.currentTarget.value })} />}
        {view.range === 'other' && <Input label="To" type="datetime-local" value={view.to} onChange={e => change({ to: e.currentTarget.value })} />}
        <Select label="Interval" value={span?.interval ?? ''} onChange={interval => change({ interval })}
          options={intervals.filter(i => span && (span.to - span.from) / i.ms <= mostRows).map(i => [i.key, i.name] as const)} />
        <div class="field">
          <span class="name">Queues</span>
          <Queues all={names.queues} chosen={view.queues} change={queues => change({ queues })} />
        </div>
        <Check label="Compare with the week before" checked={view.compare} onChange={compare => change({ compare })} />
        <span class="push" />
        <button type="button" disabled={!table} title="What is shown below, per interval" onClick={() => table && save(table)}><Icon name="download" /> Export CSV</button>
      </form>
      {!span ? <Empty>From must be before To.</Empty> : <Found frame={frame} span={span} names={names} queues={view.queues} compare={view.compare} tell={setTable} />}
    </div>
  )
}

/** Exported is a file to be. */
interface Exported {
  name: string
  rows: Cell[][]
}

function save({ name, rows }: Exported): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([csvOf(rows)], { type: 'text/csv;charset=utf-8' }))
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

// Round lengths of time, in ms.
const clockSteps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400].map(s => s * 1000)

// Whole numbers: there is no half call.
const countSteps = [1, 2, 5].flatMap(n => [n, n * 10, n * 100, n * 1000, n * 10_000, n * 100_000]).sort((a, b) => a - b)

const asInputs = (span: Span | null, zoneName: string) => (span ? { from: zone.inputOf(span.from, zoneName), to: zone.inputOf(span.to, zoneName) } : {})

const asked = (span: Span, from: number, to: number, queues: string[]) => ({
  from: new Date(from).toISOString(), to: new Date(to).toISOString(), queue: listOf(queues), interval: span.interval, fill: 'true', limit: mostRows, metrics,
})

function Queues({ all, chosen, change }: { all: Map<string, string>; chosen: string[]; change: (queues: string[]) => void }) {
  const said = chosen.length === 0 ? 'All queues' : chosen.length === 1 ? (all.get(chosen[0]!) ?? chosen[0]) : `${chosen.length} queues`
  const box = useRef<HTMLDetailsElement>(null)
  const [open, setOpen] = useState(false)
  useDismiss(box, open, () => setOpen(false))
  return (
    <details class="pick" ref={box} open={open} onToggle={e => setOpen(e.currentTarget.open)}>
      <summary>{said}</summary>
      <fieldset>
        <legend>Queues</legend>
        {[...all].map(([id, name]) => (
          <Check key={id} label={name} checked={chosen.includes(id)} onChange={on => change(on ? [...chosen, id] : chosen.filter(c => c !== id))} />
        ))}
        {chosen.length > 0 && <button type="button" class="quiet" onClick={() => change([])}>All queues</button>}
      </fieldset>
    </details>
  )
}

function Found({ frame, span, names, queues, compare, tell }: {
  frame: Frame
  span: Span
  names: Names
  queues: string[]
  compare: boolean
  tell: (table: Exported | null) => void // what an export would hold
}) {
  const cc = frame.contactCenter.id
  const query = (from: number, to: number, interval?: string) => pathOf(cc, '/metrics', { ...asked(span, from, to, queues), ...(interval && { interval }) })
  const path = query(span.from, span.to)
  const whole = query(span.from, span.to, 'total')
  const weeks = Math.max(1, Math.ceil((span.to - span.from) / (7 * 86_400_000)))
  const back = (ms: number) => zone.shiftDays(ms, frame.zone, -7 * weeks)
  const before = compare ? query(back(span.from), back(span.to)) : null
  const wholeBefore = compare ? query(back(span.from), back(span.to), 'total') : null
  const rows = useAsk(path, signal => get<Page<MetricsRow>>(path, signal))
  const total = useAsk(whole, signal => get<Page<MetricsRow>>(whole, signal))
  const earlier = useAsk(before, signal => get<Page<MetricsRow>>(before!, signal))
  const totalBefore = useAsk(wholeBefore, signal => get<Page<MetricsRow>>(wholeBefore!, signal))
  const data = rows.value?.data
  const sums = total.value?.data[0]?.values
  const complete = moment(rows.value?.metadata.complete_until)
  const then = compare ? totalBefore.value?.data[0]?.values : undefined
  const nothing = then !== undefined && then.offered === 0 && then.answered === 0 && then.abandoned === 0
  const past = compare && then && !nothing ? (earlier.value?.data ?? null) : null
  const thenName = span.day ? zone.date(back(span.from), frame.zone) : weeks === 1 ? 'Week before' : `${weeks} weeks before`
  const beside = (write: (v: Values) => string) => then && !nothing && <small>{thenName}: {write(then)}</small>
  useEffect(() => tell(!data ? null : { name: fileName(frame, span), rows: exported(data, past, back, thenName, queues.map(names.queue), frame.zone) }), [data, past, names.queues])
  useEffect(() => () => tell(null), [])
  return (
    <>
      <Trouble error={rows.error ?? total.error ?? earlier.error ?? totalBefore.error} />
      <dl class="figures totals" aria-label="Totals">
        {totals.map(t => (
          <Figure key={t.figure} name={t.name} figure={t.figure} title={t.title} beside={beside(t.write)}>{sums ? t.write(sums) : '–'}</Figure>
        ))}
      </dl>
      {nothing && <p class="note">There is nothing to compare with: of {thenName} no interaction is known.</p>}
      {!data && rows.busy && <Empty>History is being read …</Empty>}
      {data && data.length > 0 && (
        <Charts data={data} earlier={past} back={back} span={span} frame={frame} weeks={weeks} />
      )}
      {complete !== null && complete < span.to && (
        <p class="note">Figures up to {zone.dateTime(complete, frame.zone, now())} {zone.zoneName(complete, frame.zone)} are final; later ones may still change.</p>
      )}
    </>
  )
}

const totals: { name: string; figure: string; title?: string; write: (v: Values) => string }[] = [
  { name: 'Offered', figure: 'offered', title: 'When they came', write: v => count(v.offered) },
  { name: 'Answered', figure: 'answered', title: 'When they were answered, which may be in a later interval', write: v => count(v.answered) },
  { name: 'Abandoned', figure: 'abandoned', title: 'When they gave up', write: v => count(v.abandoned) },
  { name: 'Abandon rate', figure: 'abandon_rate', write: v => percent(v.abandon_rate, 1) },
  { name: 'Service level', figure: 'service_level', write: v => percent(v.service_level.value, 1) },
  { name: 'Avg. speed of answer', figure: 'asa', title: 'Mean wait of what was answered: a few very long waits raise it beyond what most have waited', write: v => clock(v.asa) },
  { name: '95 % answered within', figure: 'wait.p95', write: v => clock(v['wait.p95']) },
  { name: 'Longest wait', figure: 'wait.max', write: v => clock(v['wait.max']) },
]

const fileName = (frame: Frame, span: Span) => {
  const day = (ms: number) => zone.inputOf(ms, frame.zone).slice(0, 10)
  const [first, last] = [day(span.from), day(span.to - 1)]
  return `history-${frame.contactCenter.id}-${first}${last === first ? '' : `-to-${last}`}.csv`
}

/** exported is the table of what is shown, as spreadsheets want it: local times, seconds, shares of 1. */
function exported(data: MetricsRow[], earlier: MetricsRow[] | null, back: (ms: number) => number, thenName: string, queues: string[], zoneName: string): Cell[][] {
  const seconds = (ms: number | null) => (ms === null ? null : Math.round(ms / 100) / 10)
  const share = (v: number | null) => (v === null ? null : Math.round(v * 10_000) / 10_000)
  const time = (text: string) => zone.inputOf(moment(text)!, zoneName).replace('T', ' ')
  const past = new Map((earlier ?? []).map(r => [moment(r.interval.from)!, r.values]))
  const of = queues.length === 0 ? 'All queues' : queues.join(' + ')
  return [
    [`From (${zoneName})`, 'To', 'Queues', 'Offered', 'Answered', 'Abandoned', 'Abandon rate', 'Service level', 'Avg. speed of answer (s)', 'Half within (s)', '90 % within (s)', '95 % within (s)',
      'Longest wait (s)', ...(earlier ? [`Offered, ${thenName}`, `Service level, ${thenName}`] : [])],
    ...data.map(({ interval, values: v }) => {
      const then = past.get(back(moment(interval.from)!))
      return [time(interval.from), time(interval.to), of, v.offered, v.answered, v.abandoned, share(v.abandon_rate), share(v.service_level.value), seconds(v.asa), seconds(v['wait.p50']),
        seconds(v['wait.p90']), seconds(v['wait.p95']), seconds(v['wait.max']), ...(earlier ? [then?.offered ?? null, share(then?.service_level.value ?? null)] : [])]
    }),
  ]
}

function Charts({ data, earlier, back, span, frame, weeks }: { data: MetricsRow[]; earlier: MetricsRow[] | null; back: (ms: number) => number; span: Span; frame: Frame; weeks: number }) {
  const times = data.map(r => moment(r.interval.from)!)
  const stepMs = intervals.find(i => i.key === span.interval)!.ms
  const of = (key: keyof Omit<Values, 'service_level'>) => data.map(r => r.values[key])
  const past = new Map((earlier ?? []).map(r => [moment(r.interval.from)!, r.values]))
  const then = times.map(t => past.get(back(t)))
  const thenName = weeks === 1 ? 'week before' : `${weeks} weeks before`
  const shared = { times, stepMs, zoneName: frame.zone }
  const level = (v: Values | undefined) => v?.service_level.value ?? null
  const day = span.day ? `: ${zone.date(span.from, frame.zone)}${earlier ? ` against ${zone.date(back(span.from), frame.zone)}` : ''}` : ''
  return (
    <div class="charts">
      <Chart name={`Volume${day}`} {...shared} write={v => count(v)} steps={countSteps} series={[
        { name: 'Abandoned', color: 'overdue-fill', values: of('abandoned'), on: of('answered'), as: 'bars', write: count },
        { name: 'Answered', color: 'accent-fill', values: of('answered'), as: 'bars', write: count },
        { name: 'Offered', color: 'text', values: of('offered'), as: 'steps', write: count },
        ...(earlier ? [{ name: `Offered, ${thenName}`, color: 'soft', values: then.map(v => v?.offered ?? null), as: 'steps' as const, dashed: true, write: count }] : []),
      ]} />
      <Chart name={`Service level${day}`} {...shared} write={v => percent(v)} most={1} series={[
        { name: 'Service level', color: 'accent', values: data.map(r => level(r.values)), as: 'area', write: v => percent(v, 1) },
        ...(earlier ? [{ name: `Service level, ${thenName}`, color: 'soft', values: then.map(level), dashed: true, write: (v: number | null) => percent(v, 1) }] : []),
      ]} />
      <Chart name={`Waits${day}`} {...shared} write={v => clock(v)} steps={clockSteps} series={[
        { name: '95 % within', color: 'overdue-fill', values: of('wait.p95'), write: clock },
        { name: '90 % within', color: 'late-fill', values: of('wait.p90'), write: clock },
        { name: 'Half within', color: 'accent', values: of('wait.p50'), write: clock },
        ...(earlier ? [{ name: `95 %, ${thenName}`, color: 'soft', values: then.map(v => v?.['wait.p95'] ?? null), dashed: true, write: clock }] : []),
      ]} />
      <details class="card wide">
        <summary>Figures as a table</summary>
        <div class="pan" tabIndex={0} role="region" aria-label="Figures table">
          <table>
            <thead>
              <tr>
                {['Interval', 'Offered', 'Answered', 'Abandoned', 'Service level', 'Avg. speed of answer', 'Half within', '90 % within', '95 % within', ...(earlier ? [`Offered, ${thenName}`] : [])].map(h => (
                  <th key={h} scope="col">{h}</th>
                ))}
              </tr>
            </thead>
            <tbody>
              {data.map((r, i) => (
                <tr key={times[i]}>
                  <th scope="row">{zone.date(times[i]!, frame.zone)} {stepMs < 86_400_000 && zone.minute(times[i]!, frame.zone)}</th>
                  <td class="number">{count(r.values.offered)}</td>
                  <td class="number">{count(r.values.answered)}</td>
                  <td class="number">{count(r.values.abandoned)}</td>
                  <td class="number">{percent(level(r.values), 1)}</td>
                  <td class="number">{clock(r.values.asa)}</td>
                  <td class="number">{clock(r.values['wait.p50'])}</td>
                  <td class="number">{clock(r.values['wait.p90'])}</td>
                  <td class="number">{clock(r.values['wait.p95'])}</td>
                  {earlier && <td class="number">{count(then[i]?.offered)}</td>}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </div>
  )
}
