/** Lists in order, mended rather than sorted anew. */

export type Compare<R> = (a: R, b: R) => number

export interface SortKey {
  field: string
  desc: boolean
}

/** parseSort reads `age:desc,name:asc`; fields that are not in `fields` and those named before are left out. */
export function parseSort(text: string | null | undefined, fields: readonly string[]): SortKey[] {
  const keys: SortKey[] = []
  for (const part of (text ?? '').split(',')) {
    const [field, direction] = part.split(':')
    if (field && fields.includes(field) && !keys.some(k => k.field === field)) keys.push({ field, desc: direction === 'desc' })
  }
  return keys
}

export const writeSort = (keys: readonly SortKey[]) => keys.map(k => `${k.field}:${k.desc ? 'desc' : 'asc'}`).join(',')

/** pressed is the order after a column's button: alone, or (with Shift) as a further key. Pressed again the direction turns. */
export function pressed(keys: readonly SortKey[], field: string, further: boolean, firstDesc = false): SortKey[] {
  const at = keys.findIndex(k => k.field === field)
  const turned: SortKey = { field, desc: at < 0 ? firstDesc : !keys[at]!.desc }
  if (!further) return [at >= 0 && keys.length === 1 ? turned : { field, desc: at === 0 ? turned.desc : firstDesc }]
  return at < 0 ? [...keys, turned] : keys.map((k, i) => (i === at ? turned : k))
}

/** comparator puts several keys after one another; `tie` makes the order total. */
export function comparator<R>(keys: readonly SortKey[], by: Record<string, Compare<R>>, tie: Compare<R>): Compare<R> {
  const list = keys.flatMap(k => {
    const compare = by[k.field]
    return compare ? [k.desc ? (a: R, b: R) => compare(b, a) : compare] : []
  })
  return (a, b) => {
    for (const compare of list) {
      const c = compare(a, b)
      if (c !== 0) return c
    }
    return tie(a, b)
  }
}

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

/** byText puts what is missing last. */
export const byText = (a: string | null, b: string | null) =>
  a == null || b == null ? Number(a == null) - Number(b == null) : collator.compare(a, b)

/** byNumber puts what is missing last. */
export const byNumber = (a: number | null, b: number | null) => (a == null || b == null ? Number(a == null) - Number(b == null) : a - b)

/**
 * mend brings a list in order up to date: rows named by `ids` are taken out and, as they are now, merged in again. Costs one pass and the sorting of
 * what changed. `old` must be in the order of `compare`, and its other rows unchanged.
 */
export function mend<R extends { id: string }>(
  old: readonly R[], ids: ReadonlySet<string>, rows: ReadonlyMap<string, R>, keep: (row: R) => boolean, compare: Compare<R>,
): R[] {
  const fresh: R[] = []
  for (const id of ids) {
    const row = rows.get(id)
    if (row && keep(row)) fresh.push(row)
  }
  fresh.sort(compare)
  const out: R[] = []
  let f = 0
  for (const row of old) {
    if (ids.has(row.id)) continue
    while (f < fresh.length && compare(fresh[f]!, row) < 0) out.push(fresh[f++]!)
    out.push(row)
  }
  while (f < fresh.length) out.push(fresh[f++]!)
  return out
}

/** sorted makes the list anew. */
export function sorted<R>(rows: ReadonlyMap<string, R>, keep: (row: R) => boolean, compare: Compare<R>): R[] {
  const out: R[] = []
  for (const row of rows.values()) if (keep(row)) out.push(row)
  return out.sort(compare)
}
