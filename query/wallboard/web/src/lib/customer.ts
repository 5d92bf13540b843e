/** What a page calls a customer, of whom a role may not see everything (docs/configuration.md, masking). */

export interface Customer {
  id?: string
  name?: string
  phone?: string
  display_phone?: string
  email?: string
}

const hidden = '***'

/** who names a customer by the first that may be seen: of a hidden number that is its end. */
export function who(c: Customer | null | undefined): string {
  const said = [c?.name, c?.display_phone, c?.phone, c?.email, c?.id].filter(Boolean)
  return said.find(text => text !== hidden) ?? (said.length > 0 ? 'Hidden' : 'Unknown')
}

/** contact is all that may be seen of a customer's name and addresses. */
export function contact(c: Customer | null | undefined): string {
  const said = [c?.name, c?.display_phone ?? c?.phone, c?.email].filter(Boolean)
  return said.filter(text => text !== hidden).join(', ') || (said.length > 0 ? 'Hidden' : '–')
}
