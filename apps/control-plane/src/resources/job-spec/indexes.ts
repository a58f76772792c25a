/**
 * How many indexes a text such as `1,3-5,7` names.
 * @throws Error that says what is wrong, in Kubernetes' words.
 * @see Source: Kubernetes pkg/apis/batch/validation validateIndexesFormat.
 */
export function countIndexes(text: string, completions: number): number {
  let total = 0
  let last: number | undefined
  for (const interval of text === '' ? [] : text.split(',')) {
    const limits = interval.split('-')
    if (limits.length > 2)
      throw new Error(
        `the fragment ${JSON.stringify(interval)} violates the requirement that an index interval can have at most two parts separated by '-'`,
      )
    const start = indexOf(limits[0]!, completions)
    if (last !== undefined && last >= start) throw new Error(`non-increasing order, previous: ${last}, current: ${start}`)
    let end = start
    if (limits.length > 1) {
      end = indexOf(limits[1]!, completions)
      if (start >= end) throw new Error(`non-increasing order, previous: ${start}, current: ${end}`)
    }
    total += end - start + 1
    last = end
  }
  return total
}

function indexOf(text: string, completions: number): number {
  if (!/^[+-]?\d+$/.test(text)) throw new Error(`cannot convert string to integer for index: ${JSON.stringify(text)}`)
  const index = Number(text)
  if (index >= completions) throw new Error(`too large index: ${JSON.stringify(text)}`)
  return index
}

/** What is wrong with such a text; undefined when nothing is. */
export function indexesFault(text: string, completions: number): string | undefined {
  try {
    countIndexes(text, completions)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
