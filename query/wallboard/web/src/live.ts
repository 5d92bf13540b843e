import { useEffect, useMemo } from 'preact/hooks'

import { clockwork, currentSession, pathOf } from './api.ts'
import { pauseMs, silenceMs } from './lib/clockwork.ts'
import { Table } from './lib/rows.ts'
import type { RowsMessage } from './lib/rows.ts'
import { Store, useStore } from './store.ts'

export type Connection = 'none' | 'connecting' | 'live' | 'lost'

/** Topic is what a page wants to know: the parameters of the list of that name, and how its rows are read. */
export interface Topic<R> {
  query: Record<string, string>
  read: (row: Record<string, unknown>) => R
}

export interface Alert {
  id: string
  rule: { id: string; name: string | null }
  metric: string
  scope: Record<string, string[]>
  window: string
  comparison: string
  threshold: number
  value: number | null
  severity: string | null
  state: string
  since: string
  triggered: string
  cleared: string | null
  reason: string | null
  message: string
}

/** Every page knows the open alerts: their number stands beside the page's name. */
const alerts: Topic<Alert> = {
  query: { fields: 'rule,metric,scope,window,comparison,threshold,value,severity,state,since,triggered,message' },
  read: row => row as unknown as Alert,
}

/** wire is what the frame shows of the stream that is open, whichever page opened it. */
class Wire extends Store {
  connection: Connection = 'none'
  alerts = new Map<string, Alert>()
  problems = new Map<string, string>() // by topic: rows that cannot be had at the moment

  set(connection: Connection): void {
    this.connection = connection
    this.changed()
  }
}

export const wire = new Wire()

let signedOut = () => {}

/** onSignedOut is called when the server does not know the session any more. */
export const onSignedOut = (f: () => void) => void (signedOut = f)

/**
 * Stream keeps one EventSource open. The browser comes back by itself after a lost connection, with Last-Event-ID; what the server refuses, and a
 * connection on which nothing is heard, is opened anew, with growing pauses.
 */
export class Stream extends Store {
  readonly tables: Record<string, Table<unknown>>
  private readonly url: string
  private source: EventSource | null = null
  private lastEventId = ''
  private attempt = 0
  private opened = 0
  private timer: ReturnType<typeof setTimeout> | undefined
  private watch: ReturnType<typeof setInterval> | undefined
  private readonly online = () => this.again()

  constructor(contactCenter: string, topics: Record<string, Topic<unknown>>) {
    super()
    const query: Record<string, string> = { topics: Object.keys(topics).join(','), interval_ms: '500' }
    for (const [name, topic] of Object.entries(topics)) {
      for (const [parameter, value] of Object.entries(topic.query)) query[`${name}.${parameter}`] = value
    }
    this.url = pathOf(contactCenter, '/stream', query)
    this.tables = Object.fromEntries(Object.entries(topics).map(([name, topic]) => [name, new Table(topic.read)]))
  }

  start(): void {
    if (wire.connection !== 'lost') wire.set('connecting')
    this.open()
    this.watch = setInterval(() => this.heed(), 1000)
    addEventListener('online', this.online)
  }

  stop(): void {
    clearTimeout(this.timer)
    clearInterval(this.watch)
    removeEventListener('online', this.online)
    this.source?.close()
    this.source = null
    wire.problems.clear()
  }

  private open(): void {
    this.opened = Date.now()
    const source = new EventSource(this.lastEventId ? `${this.url}&last_event_id=${encodeURIComponent(this.lastEventId)}` : this.url)
    this.source = source
    for (const topic of Object.keys(this.tables)) source.addEventListener(topic, e => this.rows(e as MessageEvent<string>))
    source.addEventListener('heartbeat', e => {
      this.heard(JSON.parse((e as MessageEvent<string>).data) as { as_of: string })
    })
    source.addEventListener('problem', e => {
      const m = JSON.parse((e as MessageEvent<string>).data) as { topic: string; problem: { detail: string } }
      wire.problems.set(m.topic, m.problem.detail)
      this.alive()
    })
    source.addEventListener('end', e => {
      const m = JSON.parse((e as MessageEvent<string>).data) as { reason: string }
      if (m.reason === 'credential_expired') this.again() // is there another one?
    })
    // What was missed comes at once, if anything was; a floor on which nothing happens says nothing for a while.
    source.onopen = () => {
      clockwork.found()
      wire.problems.clear()
      this.alive()
    }
    source.onerror = () => this.failed(source)
  }

  private rows(e: MessageEvent<string>): void {
    this.lastEventId = e.lastEventId
    const m = JSON.parse(e.data) as RowsMessage
    const drawn = this.tables[m.topic]?.apply(m) ?? false
    wire.problems.delete(m.topic)
    this.heard(m)
    if (!drawn) return
    if (m.topic === 'alerts') wire.alerts = this.tables['alerts']!.rows as Map<string, Alert>
    this.changed()
  }

  private heard(m: { as_of: string }): void {
    clockwork.message(Date.parse(m.as_of), Date.now())
    this.alive()
  }

  private alive(): void {
    this.attempt = 0
    this.opened = Date.now()
    wire.set('live')
  }

  private failed(source: EventSource): void {
    if (source !== this.source) return
    this.lost()
    if (source.readyState === EventSource.CLOSED) this.later()
  }

  private lost(): void {
    clockwork.lost(Date.now())
    wire.set('lost')
  }

  /** heed gives a connection up on which nothing is heard: a cable that was pulled says nothing either. */
  private heed(): void {
    if (!this.source || this.timer !== undefined || Date.now() - this.opened < silenceMs) return
    this.lost()
    this.again()
  }

  private later(): void {
    this.source?.close()
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.again(), pauseMs(this.attempt++, Math.random()))
  }

  /** again opens the stream anew, if there still is a session: an EventSource does not tell why it was refused. */
  private again(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    const before = this.source
    if (!before) return // stopped
    before.close()
    this.opened = Date.now()
    currentSession().then(
      session => {
        if (this.source !== before) return
        if (session) this.open()
        else signedOut()
      },
      () => {
        if (this.source === before) this.later()
      },
    )
  }
}

/** none are the topics of a page that shows nothing live but the open alerts, and whether the connection stands. */
export const none = {}

type Rows<T> = { [K in keyof T]: T[K] extends Topic<infer R> ? Table<R> : never }

/** useStream opens the stream of a page, with the open alerts, and closes it with the page. Topics that ask for something else open another one. */
export function useStream<T extends Record<string, Topic<any>>>(contactCenter: string, topics: T): Rows<T & { alerts: Topic<Alert> }> {
  const key = JSON.stringify([contactCenter, Object.entries(topics).map(([name, t]) => [name, t.query])])
  const stream = useMemo(() => new Stream(contactCenter, { ...topics, alerts }), [key])
  useEffect(() => {
    stream.start()
    return () => stream.stop()
  }, [stream])
  useStore(stream)
  return stream.tables as Rows<T & { alerts: Topic<Alert> }>
}
