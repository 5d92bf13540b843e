import { useEffect, useMemo, useRef, useState } from 'preact/hooks'

import { useStream, wire } from '../live.ts'
import type { Alert, Topic } from '../live.ts'
import { now } from '../frame.ts'
import type { Frame } from '../frame.ts'
import { hrefOf } from '../lib/address.ts'
import { moment } from '../lib/agent.ts'
import { alertText } from '../lib/alert.ts'
import { brief, clock, count, percent } from '../lib/duration.ts'
import { fit } from '../lib/fit.ts'
import { sum } from '../lib/level.ts'
import type { ServiceLevel } from '../lib/level.ts'
import { byText } from '../lib/order.ts'
import { keyOf } from '../lib/rows.ts'
import type { Heads } from '../lib/status.ts'
import { severity, waitLevel, worse } from '../lib/thresholds.ts'
import type { Level } from '../lib/thresholds.ts'
import * as zone from '../lib/zone.ts'
import { useNames } from '../names.ts'
import type { Names } from '../names.ts'
import { Empty, Figure, Heading, Icon, LevelMark, Select, Staff } from '../parts.tsx'
import { useSecond, useStored } from '../store.ts'

interface Queue {
  id: string
  name: string
  open: boolean
  waiting: number
  longest: number | null // when the longest wait began
  estimated: number | null
  heads: Heads
}

interface Today {
  service_level: ServiceLevel | null
  offered: number
  answered: number
  abandoned: number
}

const topics: { queues: Topic<Queue>; metrics: Topic<Today>; summary: Topic<Heads> } = {
  queues: {
    query: { fields: 'name,open,waiting,longest_wait_ms,estimated_wait_ms,agents' },
    read: row => ({
      id: row['id'] as string, name: (row['name'] as string | null) ?? (row['id'] as string), open: row['open'] !== false, waiting: row['waiting'] as number,
      longest: moment(row['longest_wait_since']), estimated: row['estimated_wait_ms'] as number | null, heads: row['agents'] as Heads,
    }),
  },
  metrics: {
    query: { group_by: 'queue', metrics: 'service_level,offered,answered,abandoned', window: 'today', fill: 'true' },
    read: row => row['values'] as Today,
  },
  summary: { query: {}, read: row => row['agents'] as Heads },
}

const standardThreshold = 20 // seconds, where nothing else is said (docs/events.md, queue)

interface Tile extends Queue {
  today: Today | undefined
  waitMs: number | null
  threshold: number
  level: Level
}

export function Floor({ frame }: { frame: Frame }) {
  const tables = useStream(frame.contactCenter.id, topics)
  const names = useNames(frame.contactCenter.id)
  const [order, setOrder] = useStored('floor.order', 'worst')
  useSecond()
  const at = now()
  const tiles = [...tables.queues.rows.values()].map(q => tile(q, tables.metrics.rows.get(keyOf({ queue: q.id })), at))
  tiles.sort(order === 'worst' ? byWorst : (a, b) => byText(a.name, b.name))
  const heads = tables.summary.rows.values().next().value
  return (
    <div class="page floor">
      <div class="top">
        <Heading page="Floor">Floor</Heading>
        {!frame.tv && <Select label="Order" value={order} options={[['worst', 'Worst first'], ['name', 'By name']]} onChange={setOrder} />}
      </div>
      <Total tiles={tiles} heads={heads} frame={frame} at={at} />
      <Alerts names={names} frame={frame} />
      {!tables.queues.loaded ? <Empty>The floor is being read …</Empty> : tiles.length === 0 ? <Empty>This contact centre has no queues.</Empty> : frame.tv ? <Rotation tiles={tiles} /> : (
        <div class="tiles">{tiles.map(t => <TileView key={t.id} tile={t} links />)}</div>
      )}
    </div>
  )
}

function tile(q: Queue, today: Today | undefined, at: number): Tile {
  const threshold = today?.service_level?.threshold_seconds ?? standardThreshold
  const waitMs = q.waiting > 0 && q.longest !== null ? Math.max(0, at - q.longest) : null
  return { ...q, today, waitMs, threshold, level: waitLevel(waitMs, threshold) }
}

const byWorst = (a: Tile, b: Tile) => worse(a, b) || byText(a.name, b.name)

/** TileView shows a queue; with links to who serves it and who waits in it. */
function TileView({ tile: t, links }: { tile: Tile; links?: boolean }) {
  return (
    <article class={`tile ${t.level}`} aria-label={t.name} data-queue={t.id} data-level={t.level}>
      <header>
        <h2 title={t.name}>{links ? <a href={hrefOf('agents', null, { queue: t.id })}>{t.name}</a> : t.name}</h2>
        {!t.open && <span class="tag">closed</span>}
        <LevelMark level={t.level} />
      </header>
      <dl class="main">
        <Figure name="Waiting" figure="waiting" class="big">
          {links && t.waiting > 0 ? <a href={hrefOf('interactions', null, { state: 'waiting', queue: t.id })}>{count(t.waiting)}</a> : count(t.waiting)}
        </Figure>
        <Figure name={<>Longest wait{links && <small> limit {brief(t.threshold * 1000)}</small>}</>} figure="longest_wait"
          class={`big wait ${t.level} ${t.waitMs !== null && t.waitMs >= 3_600_000 ? 'hours' : ''}`} title={`Late beyond ${brief(t.threshold * 1000)}, overdue beyond twice that`}>{clock(t.waitMs)}</Figure>
      </dl>
      <dl class="more">
        <Figure name="Service level" figure="service_level" title={`Within ${brief(t.threshold * 1000)}, today`}>{percent(t.today?.service_level?.value)}</Figure>
        <Figure name="Est. wait" figure="estimated_wait" title="How long a new caller would wait">{clock(t.estimated)}</Figure>
        <Figure name="Answered" figure="answered" class="answered" title="Today">{count(t.today?.answered)}</Figure>
        <Figure name="Abandoned" figure="abandoned" title="Today">{count(t.today?.abandoned)}</Figure>
      </dl>
      <Staff heads={t.heads} linkOf={links ? status => hrefOf('agents', null, { queue: t.id, status }) : undefined} />
    </article>
  )
}

function Total({ tiles, heads, frame, at }: { tiles: Tile[]; heads: Heads | undefined; frame: Frame; at: number }) {
  const worst = tiles.reduce<Tile | null>((w, t) => (t.waitMs !== null && (w === null || t.waitMs > w.waitMs!) ? t : w), null)
  const level = tiles.reduce<Level>((l, t) => (severity(t.level) > severity(l) ? t.level : l), 'calm')
  const waiting = tiles.reduce((n, t) => n + t.waiting, 0)
  const add = (of: (t: Today) => number) => tiles.reduce((n, t) => n + (t.today ? of(t.today) : 0), 0)
  return (
    <section class={`total ${level}`} aria-label="All queues" data-testid="total" data-level={level}>
      {frame.tv && (
        <p class="where">
          <b>{frame.contactCenter.name ?? frame.contactCenter.id}</b>
          <span class="tvclock">{zone.minute(at, frame.zone)} <small>{zone.zoneName(at, frame.zone)}</small></span>
        </p>
      )}
      <dl>
        <Figure name="Waiting" figure="waiting" class="big">{waiting > 0 && !frame.tv ? <a href={hrefOf('interactions', null, { state: 'waiting' })}>{count(waiting)}</a> : count(waiting)}</Figure>
        <Figure name="Longest wait" figure="longest_wait" class={`big wait ${worst?.level ?? 'calm'}`} title={worst?.name ?? ''}>
          {worst && !frame.tv ? <a href={hrefOf('interactions', null, { state: 'waiting', queue: worst.id })}>{clock(worst.waitMs)}</a> : clock(worst?.waitMs)}
        </Figure>
        <Figure name="Service level today" figure="service_level" class="big">{percent(sum(tiles.map(t => t.today?.service_level)))}</Figure>
        <Figure name="Offered" figure="offered">{count(add(t => t.offered))}</Figure>
        <Figure name="Answered" figure="answered" class="answered">{count(add(t => t.answered))}</Figure>
        <Figure name="Abandoned" figure="abandoned">{count(add(t => t.abandoned))}</Figure>
        <Figure name="Logged in" figure="agents.logged_in">{count(heads?.['logged_in'])}</Figure>
      </dl>
      {heads && <Staff heads={heads} linkOf={frame.tv ? undefined : status => hrefOf('agents', null, { status })} />}
    </section>
  )
}

function Alerts({ names, frame }: { names: Names; frame: Frame }) {
  const open = [...wire.alerts.values()].sort((a: Alert, b: Alert) => (a.triggered < b.triggered ? 1 : -1))
  if (open.length === 0) return null
  return (
    <ul class="alerts" aria-label="Open alerts">
      {open.slice(0, 4).map(a => (
        <li key={a.id} class={a.severity === 'critical' ? 'critical' : ''}><a href={frame.tv ? undefined : '#/alerts'}><Icon name={a.severity === 'critical' ? 'alarm' : 'warning'} /> {alertText(a, names.scope)}, since {zone.minute(moment(a.since)!, frame.zone)}</a></li>
      ))}
      {open.length > 4 && <li class="rest"><a href="#/alerts">{open.length - 4} more</a></li>}
    </ul>
  )
}

const turnMs = 12_000

/** Rotation fills the screen with as many tiles as can be read from afar, and turns to the rest. */
function Rotation({ tiles }: { tiles: Tile[] }) {
  const box = useRef<HTMLDivElement>(null)
  const [size, setSize] = useState({ width: 1200, height: 700 })
  const [turn, next] = useState(0)
  useEffect(() => {
    const observer = new ResizeObserver(([e]) => e && setSize({ width: e.contentRect.width, height: e.contentRect.height }))
    observer.observe(box.current!)
    const timer = setInterval(() => next(n => n + 1), turnMs)
    return () => {
      observer.disconnect()
      clearInterval(timer)
    }
  }, [])
  const layout = useMemo(() => fit(tiles.length, size.width, size.height), [tiles.length, size])
  const pages = Math.ceil(tiles.length / layout.perPage)
  const page = turn % pages
  return (
    <div class="rotation" ref={box}>
      <div class="tiles tv" style={{ '--columns': String(layout.columns), '--rows': String(layout.rows) }}>
        {tiles.slice(page * layout.perPage, (page + 1) * layout.perPage).map(t => <TileView key={t.id} tile={t} />)}
      </div>
      {pages > 1 && <p class="pages" data-testid="tv-page">{page + 1} / {pages}</p>}
    </div>
  )
}
