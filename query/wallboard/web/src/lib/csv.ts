/** Comma-separated values as spreadsheets open them. */

export type Cell = string | number | null

/** csvOf writes rows; what is not known is empty. A byte order mark tells spreadsheets that it is UTF-8, and no text is taken for a formula. */
export const csvOf = (rows: readonly (readonly Cell[])[]): string => '\ufeff' + rows.map(r => r.map(cell).join(',') + '\r\n').join('')

function cell(value: Cell): string {
  if (value === null) return ''
  if (typeof value === 'number') return String(value)
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
