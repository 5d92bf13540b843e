/** Telephone numbers as people write them. */

const marks = /[\s().\-/]/g

/** phoneOf is a number without what people put between digits, with + for a leading 00; what is no number stays as it is. */
export function phoneOf(text: string): string {
  const bare = text.replace(marks, '')
  return /^\+?\d+$/.test(bare) ? bare.replace(/^00/, '+') : text.trim()
}

/** digitsOf are the digits of what looks like a piece of a number, three or more; null for anything else. */
export function digitsOf(text: string): string | null {
  const digits = text.replace(marks, '').replace(/^\+/, '')
  return /^\d{3,}$/.test(digits) ? digits : null
}
