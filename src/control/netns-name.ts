/** The four ways to say which network namespace is meant: a name under /run/netns, a path, a pid, or `host`. */
import { PORT_NAME } from '../limits.ts';

/** Digits are always a pid, whatever /run/netns holds. */
export function isNetnsName(netns: string): boolean {
  return netns !== 'host' && !netns.includes('/') && !/^[0-9]+$/.test(netns);
}

/**
 * Whether a namespace of this name may be made. Stricter than for one that is there: what tswitch makes must be easy to name
 * in a path, a command and a URL.
 */
export function isNewNetnsName(netns: string): boolean {
  return isNetnsName(netns) && PORT_NAME.test(netns) && !/^(?:-|\.\.?$)/.test(netns);
}
