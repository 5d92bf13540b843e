export interface Fit {
  columns: number
  rows: number
  perPage: number
}

/** fit finds columns and rows for n tiles: all of them where they stay readable, else as many as do. Tiles look best somewhat wider than high. */
export function fit(n: number, width: number, height: number): Fit {
  const least = { width: Math.max(300, width / 6), height: Math.max(190, height / 5) }
  const most = { columns: Math.max(1, Math.floor(width / least.width)), rows: Math.max(1, Math.floor(height / least.height)) }
  let best: Fit = { columns: 1, rows: 1, perPage: 1 }
  let shown = 0
  for (let columns = 1; columns <= most.columns; columns++) {
    const rows = Math.min(most.rows, Math.ceil(n / columns))
    const perPage = columns * rows
    const size = Math.min(n, perPage) * Math.min(width / columns, (height / rows) * 1.6)
    if (size > shown) [best, shown] = [{ columns, rows, perPage }, size]
  }
  return best
}
