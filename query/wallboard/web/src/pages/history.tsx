import { useRef, useState } from 'preact/hooks'

import { get, pathOf } from '../api.ts'
import type { Page } from '../api.ts'
import { Chart } from '../chart.tsx'
import { go, now } from '../frame.ts'
import type { Frame } from '../frame.ts'
import { none, useStream } from '../live.ts'
import { hrefOf, listOf } from '../lib/address.ts'
import { moment } from '../lib/agent.ts'
import { clock, count, percent } from '../lib/duration.ts'
import type { ServiceLevel } from '../lib/level.ts'
import { intervals, spanOf } from '../lib/span.ts'
import type { Span } from '../lib/span.ts'
import * as zone from '../lib/zone.ts'
import { useNames } from '../names.ts'
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
const exported = 'offered,answered,abandoned,abandon_rate,service_level.value,asa,wait.p50,wait.p90,wait.p95,wait.max,aht'
const mostRows = 1000

const ranges = [['today', 'Today'], ['yesterday', 'Yesterday'], ['7d', 'Last 7 days'], ['30d', 'Last 30 days'], ['other', 'Other']] as const

export function History({ frame }: { frame: Frame }) {
  const cc = frame.contactCenter.id
  const names = useNames(cc)
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
        <Queues all={names.queues} chosen={view.queues} change={queues => change({ queues })} />
        <Check label="Compare with the week before" checked={view.compare} onChange={compare => change({ compare })} />
        <span class="push" />
        {span && (
          <a class="button" download={`history-${cc}.csv`} href={pathOf(cc, '/metrics', { ...asked(span, span.from, span.to, view.queues), metrics: exported, interval: span.interval, format: 'csv' })}>
            <Icon name="download" /> Export CSV
          </a>
        )}
      </form>
      {!span ? <Empty>From must be before To.</Empty> : <Found frame={frame} span={span} queues={view.queues} compare={view.compare} />}
    </div>
  )
}

// Round lengths of time, in ms.
const clockSteps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400].map(s => s * 1000)

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

function Found({ frame, span, queues, compare }: { frame: Frame; span: Span; queues: string[]; compare: boolean }) {
  const cc = frame.contactCenter.id
  const query = (from: number, to: number, interval?: string) => pathOf(cc, '/metrics', { ...asked(span, from, to, queues), ...(interval && { interval }) })
  const path = query(span.from, span.to)
  const whole = query(span.from, span.to, 'total')
  const weeks = Math.max(1, Math.ceil((span.to - span.from) / (7 * 86_400_000)))
  const back = (ms: number) => zone.shiftDays(ms, frame.zone, -7 * weeks)
  const before = compare ? query(back(span.from), back(span.to)) : null
  const rows = useAsk(path, signal => get<Page<MetricsRow>>(path, signal))
  const total = useAsk(whole, signal => get<Page<MetricsRow>>(whole, signal))
  const earlier = useAsk(before, signal => get<Page<MetricsRow>>(before!, signal))
  const data = rows.value?.data
  const sums = total.value?.data[0]?.values
  const complete = moment(rows.value?.metadata.complete_until)
  return (
    <>
      <Trouble error={rows.error ?? total.error ?? earlier.error} />
      <dl class="figures totals" aria-label="Totals">
        <Figure name="Offered" figure="offered">{count(sums?.offered)}</Figure>
        <Figure name="Answered" figure="answered">{count(sums?.answered)}</Figure>
        <Figure name="Abandoned" figure="abandoned">{count(sums?.abandoned)}</Figure>
        <Figure name="Abandon rate" figure="abandon_rate">{percent(sums?.abandon_rate, 1)}</Figure>
        <Figure name="Service level" figure="service_level">{percent(sums?.service_level.value, 1)}</Figure>
        <Figure name="Avg. speed of answer" figure="asa">{clock(sums?.asa)}</Figure>
        <Figure name="95 % answered within" figure="wait.p95">{clock(sums?.['wait.p95'])}</Figure>
        <Figure name="Longest wait" figure="wait.max">{clock(sums?.['wait.max'])}</Figure>
      </dl>
      {!data && rows.busy && <Empty>History is being read …</Empty>}
      {data && data.length > 0 && (
        <Charts data={data} earlier={compare ? (earlier.value?.data ?? null) : null} back={back} span={span} frame={frame} weeks={weeks} />
      )}
      {complete !== null && complete < span.to && (
        <p class="note">Figures up to {zone.dateTime(complete, frame.zone, now())} {zone.zoneName(complete, frame.zone)} are final; later ones may still change.</p>
      )}
    </>
  )
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
      <Chart name={`Volume${day}`} {...shared} write={v => count(v)} series={[
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
