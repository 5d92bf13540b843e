/** Service level as docs/metrics.md defines it. */

export interface ServiceLevel {
  value: number | null
  formula: string
  threshold_seconds: number | null
  short_abandon_seconds?: number | null
  answered: number
  abandoned: number
  answered_in: number
  abandoned_in: number
  abandoned_short: number
}

type Counts = Pick<ServiceLevel, 'answered' | 'abandoned' | 'answered_in' | 'abandoned_in' | 'abandoned_short'>

const formulas: Record<string, (c: Counts) => [number, number]> = {
  abandoned_credited: c => [c.answered_in + c.abandoned_in, c.answered + c.abandoned],
  answered_only: c => [c.answered_in, c.answered],
  answered_over_all: c => [c.answered_in, c.answered + c.abandoned],
  abandoned_in_neutral: c => [c.answered_in, c.answered + c.abandoned - c.abandoned_in],
  short_credited: c => [c.answered_in + c.abandoned_short, c.answered + c.abandoned],
  short_excluded: c => [c.answered_in, c.answered + c.abandoned - c.abandoned_short],
}

/** sum adds levels up: the counts are summed and divided last. Null over nothing, and where the formula is not known. */
export function sum(levels: (ServiceLevel | null | undefined)[]): number | null {
  const total: Counts = { answered: 0, abandoned: 0, answered_in: 0, abandoned_in: 0, abandoned_short: 0 }
  let formula: string | undefined
  for (const l of levels) {
    if (!l) continue
    formula ??= l.formula
    if (l.formula !== formula) return null
    for (const key of Object.keys(total) as (keyof Counts)[]) total[key] += l[key]
  }
  const quotient = formula === undefined ? undefined : formulas[formula]?.(total)
  return quotient && quotient[1] > 0 ? quotient[0] / quotient[1] : null
}
