/**
 * Whether a text fits a pattern of `*`, `?` and classes such as `[a-c]`. Its time grows with both lengths and no faster, whatever they are.
 * @see Source: Go path/filepath Match.
 */
export function fitsGlob(pattern: string, text: string): boolean {
  const pieces = pattern.match(/\[[^\]]+\]|[\s\S]/g) ?? []
  let [at, next, star, retry] = [0, 0, -1, 0]
  while (at < text.length) {
    const piece = pieces[next]
    if (piece === '*') {
      star = next++
      retry = at
    } else if (piece !== undefined && isOneOf(piece, text[at]!)) {
      next++
      at++
    } else if (star >= 0) {
      next = star + 1
      at = ++retry
    } else return false
  }
  return pieces.slice(next).every((piece) => piece === '*')
}

function isOneOf(piece: string, character: string): boolean {
  if (piece === '?') return true
  if (piece.length === 1) return piece === character
  const negated = piece[1] === '^'
  const ranges = piece.slice(negated ? 2 : 1, -1).match(/[\s\S]-[\s\S]|[\s\S]/g) ?? []
  return negated !== ranges.some((range) => range[0]! <= character && character <= range.at(-1)!)
}
