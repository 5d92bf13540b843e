/** What the push says (docs/push.md), kept as a table of rows by id. */

export interface RowsMessage {
  type: 'rows'
  topic: string
  subscription: string
  cursor: string
  as_of: string
  reset: boolean
  more: boolean
  rows: Record<string, unknown>[]
  removed: unknown[]
}

/** Change is what has become of a table since somebody looked. */
export interface Change {
  all: boolean // everything may be another
  ids: Set<string>
}

/** keyOf tells rows apart: by id, or by the JSON of their group. */
export const keyOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

/**
 * Table applies messages. A state that comes in several messages (`reset`, then `more`) replaces the old one when it is whole, so that nobody
 * sees half of it.
 */
export class Table<R> {
  rows = new Map<string, R>()
  version = 0
  loaded = false
  private next: Map<string, R> | null = null
  private change: Change = { all: true, ids: new Set() }
  private readonly read: (row: Record<string, unknown>) => R

  constructor(read: (row: Record<string, unknown>) => R) {
    this.read = read
  }

  /** apply returns whether there is something new to draw. */
  apply(m: RowsMessage): boolean {
    if (m.reset) this.next = new Map()
    const target = this.next ?? this.rows
    for (const row of m.rows) {
      const key = keyOf(row['id'] ?? row['group'])
      target.set(key, this.read(row))
      if (!this.next) this.change.ids.add(key)
    }
    for (const value of m.removed) {
      const key = keyOf(value)
      if (target.delete(key) && !this.next) this.change.ids.add(key)
    }
    if (m.more) return false
    if (this.next) {
      this.rows = this.next
      this.next = null
      this.change = { all: true, ids: new Set() }
    }
    this.loaded = true
    this.version++
    return true
  }

  /** set replaces one row by what somebody has learnt otherwise, such as the answer to a command. */
  set(key: string, row: Record<string, unknown>): void {
    this.rows.set(key, this.read(row))
    this.change.ids.add(key)
    this.version++
  }

  /** take says what has changed since the last call. */
  take(): Change {
    const change = this.change
    this.change = { all: false, ids: new Set() }
    return change
  }
}
