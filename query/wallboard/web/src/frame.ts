import type { ContactCenter, Session } from './api.ts'
import { clockwork } from './api.ts'
import * as zone from './lib/zone.ts'

/** Frame is what every page knows of where it stands. */
export interface Frame {
  session: Session
  contactCenter: ContactCenter
  zone: string
  tv: boolean
  query: URLSearchParams
  id: string | null
}

/** now is the floor's time. */
export const now = () => clockwork.now(Date.now())

/** zoneOf is the contact centre's zone, or UTC where this browser does not know it. */
export const zoneOf = (contactCenter: ContactCenter) => (contactCenter.time_zone && zone.known(contactCenter.time_zone) ? contactCenter.time_zone : 'UTC')

export const maySupervise = (session: Session) => session.role === 'supervisor' || session.role === 'admin'

/** lists are the addresses of the lists as they were left: who comes back from one of their rows finds them so. */
export const lists = { agents: '#/agents', interactions: '#/interactions' }

/** go changes the address: in place for what belongs to the same page, so that Back leads to the page before. */
export function go(href: string, inPlace = false): void {
  if (inPlace) {
    history.replaceState(null, '', href)
    dispatchEvent(new HashChangeEvent('hashchange'))
  } else {
    location.hash = href
  }
}
