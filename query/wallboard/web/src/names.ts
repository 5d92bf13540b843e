import { get, pathOf } from './api.ts'
import type { Page } from './api.ts'
import { listOf } from './lib/address.ts'
import { Store, useStore } from './store.ts'
import { useEffect, useMemo } from 'preact/hooks'

interface Named {
  id: string
  name: string | null
}

const batch = 100

/** Names are what ids are called: of queues, teams and campaigns all at once, of agents those that are asked for. Until a name is known the id stands for it. */
export class Names extends Store {
  queues = new Map<string, string>()
  teams = new Map<string, string>()
  private readonly agents = new Map<string, string>()
  private readonly wanted = new Set<string>()
  private timer: ReturnType<typeof setTimeout> | undefined
  private readonly contactCenter: string

  constructor(contactCenter: string) {
    super()
    this.contactCenter = contactCenter
  }

  async load(): Promise<void> {
    const [queues, teams] = await Promise.all([
      get<Page<Named>>(pathOf(this.contactCenter, '/queues', { fields: 'id,name', sort: 'name', limit: 1000 })),
      get<Page<Named>>(pathOf(this.contactCenter, '/directory/team', { limit: 1000 })),
    ])
    this.queues = byName(queues.data)
    this.teams = byName(teams.data)
    this.changed()
  }

  /** scope names what the scope of an alert names. */
  scope = (kind: string, id: string): string =>
    kind === 'queue' ? this.queue(id) : kind === 'team' ? (this.teams.get(id) ?? id) : kind === 'agent' ? this.agent(id) : id

  queue = (id: string | null | undefined): string => (id ? (this.queues.get(id) ?? id) : '–')

  agent = (id: string | null | undefined): string => {
    if (!id) return '–'
    const name = this.agents.get(id)
    if (name === undefined && !this.wanted.has(id)) {
      this.wanted.add(id)
      this.timer ??= setTimeout(() => void this.ask(), 50)
    }
    return name ?? id
  }

  private async ask(): Promise<void> {
    this.timer = undefined
    const ids = [...this.wanted].filter(id => !this.agents.has(id)).slice(0, batch)
    if (ids.length === 0) return
    try {
      const found = await get<Page<Named>>(pathOf(this.contactCenter, '/agents', { id: listOf(ids), fields: 'id,name', limit: batch }))
      for (const id of ids) this.agents.set(id, id) // nobody of that name: asked once
      for (const a of found.data) this.agents.set(a.id, a.name ?? a.id)
      for (const id of ids) this.wanted.delete(id)
    } catch {
      for (const id of ids) this.wanted.delete(id) // asked again when it is drawn again
      return
    }
    this.changed()
    if (this.wanted.size > 0) this.timer ??= setTimeout(() => void this.ask(), 50)
  }
}

const byName = (rows: Named[]) =>
  new Map(rows.map(r => [r.id, r.name ?? r.id] as const).sort((a, b) => a[1].localeCompare(b[1], 'en', { numeric: true })))

export function useNames(contactCenter: string): Names {
  const names = useMemo(() => new Names(contactCenter), [contactCenter])
  useEffect(() => {
    names.load().catch(() => {}) // ids stand in
  }, [names])
  useStore(names)
  return names
}
