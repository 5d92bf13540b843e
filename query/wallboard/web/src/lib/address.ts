/** The page's address: `#/agents/a1?view=grid`. */

export interface Address {
  page: string // first segment; '' is the start
  id: string | null
  query: URLSearchParams
}

export function parseAddress(hash: string): Address {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s)
  const [page = '', ...rest] = path.split('/')
  return { page, id: rest.length > 0 && rest[0] !== '' ? decode(rest.join('/')) : null, query: new URLSearchParams(query) }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** hrefOf writes an address; what is empty, false or null is left out. */
export function hrefOf(page: string, id?: string | null, query: Record<string, string | number | boolean | null | undefined> = {}): string {
  const q = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '' && value !== false) q.set(key, value === true ? '1' : String(value))
  }
  const tail = q.toString()
  return `#/${page}${id ? `/${encodeURIComponent(id)}` : ''}${tail ? `?${tail}` : ''}`
}

/** listOf writes a list of a filter of the API: commas in values are escaped. */
export const listOf = (values: readonly string[]) => values.map(v => v.replaceAll('\\', '\\\\').replaceAll(',', '\\,')).join(',')
