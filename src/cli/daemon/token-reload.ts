/** `serve --token-file FILE` on SIGHUP. */
import type { TokenStore, TokenView } from '../../api/tokens.ts';
import type { Reloadable } from './reload.ts';

/** Which tokens came and went since the start or the last reload; the file counts as soon as it changes, also without one. */
export function reloadableTokens(tokens: TokenStore): Reloadable {
  let known = byName(tokens.list());
  return {
    name: 'tokens',
    reload() {
      tokens.reload();
      const now = byName(tokens.list());
      const words = changeWords(known, now);
      known = now;
      return words;
    },
  };
}

function byName(tokens: readonly TokenView[]): Map<string, TokenView> {
  return new Map(tokens.map((token) => [token.name, token]));
}

function changeWords(before: ReadonlyMap<string, TokenView>, after: ReadonlyMap<string, TokenView>): string {
  const names = (tokens: ReadonlyMap<string, TokenView>, picks: (name: string) => boolean): string =>
    [...tokens.keys()].filter(picks).join(', ');
  const isOther = (name: string): boolean => {
    const [one, other] = [before.get(name), after.get(name)];
    return one?.created !== other?.created || one?.readOnly !== other?.readOnly;
  };
  const changes = {
    added: names(after, (name) => !before.has(name)),
    removed: names(before, (name) => !after.has(name)),
    replaced: names(after, (name) => before.has(name) && isOther(name)),
  };
  const words = Object.entries(changes).flatMap(([what, which]) => (which === '' ? [] : [`${what} ${which}`]));
  return words.join('; ') || 'unchanged';
}
