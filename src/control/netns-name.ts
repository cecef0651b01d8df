/** The four ways to say which network namespace is meant: a name under /run/netns, a path, a pid, or `host`. */

/** Digits are always a pid, whatever /run/netns holds. */
export function isNetnsName(netns: string): boolean {
  return netns !== 'host' && !netns.includes('/') && !/^[0-9]+$/.test(netns);
}
