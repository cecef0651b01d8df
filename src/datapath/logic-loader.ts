/**
 * Loads files of logics, at once: a worker's loop never waits. What is loaded is a copy that was made and checked when the file
 * was loaded first, so that every worker, also one that starts later, runs the same code; the copy's name is new each time,
 * so Node takes it for another module than the version before. Imports of the copy are those of the file: what is relative
 * is looked for beside the file, `tswitch/…` is this installation, and packages that are not found there are looked for here.
 */
import {
  createRequire,
  registerHooks,
  type ResolveFnOutput,
  type ResolveHookContext,
  type ResolveHookSync,
} from 'node:module';
import { extname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { AnyLogic } from '../switching/logic.ts';
import { asLogic } from '../switching/logic-shape.ts';

const ENDING = extname(import.meta.url);
const OWN_MODULES: Readonly<Record<string, string>> = {
  'tswitch/logic': new URL(`../sdk/logic${ENDING}`, import.meta.url).href,
  'tswitch/sandbox': new URL(`../sdk/sandbox${ENDING}`, import.meta.url).href,
};

/** By the URL of a copy: that of its file. */
const originals = new Map<string, string>();
const require = createRequire(import.meta.url);
/** This installation: what is imported there is found there anyway. */
const INSTALLATION = new URL('../../', import.meta.url).href;
let isHooked = false;

/**
 * @param module path of the copy
 * @param file path of the file that it is a copy of
 * @throws what the module throws while it is loaded; TypeError where its default export is no logic
 */
export function loadLogic(module: string, file: string): AnyLogic {
  resolveForLogics();
  originals.set(pathToFileURL(module).href, pathToFileURL(file).href);
  const loaded: unknown = require(module);
  return asLogic(typeof loaded === 'object' && loaded !== null ? Reflect.get(loaded, 'default') : undefined);
}

/** Names the file where a stack names its copy. */
export function withOriginalPaths(text: string): string {
  for (const [copy, original] of originals) {
    text = text.replaceAll(copy, original).replaceAll(fileURLToPath(copy), fileURLToPath(original));
  }
  return text.replaceAll('file:///', '/');
}

/** From now on any module of this thread finds `tswitch/…`, and packages of this installation if it has no others. */
export function resolveForLogics(): void {
  if (isHooked) return;
  isHooked = true;
  registerHooks({
    resolve(specifier, context, next) {
      const own = OWN_MODULES[specifier];
      if (own !== undefined) return { url: own, shortCircuit: true };
      const { parentURL } = context;
      if (parentURL === undefined || parentURL.startsWith(INSTALLATION)) return next(specifier, context);
      try {
        return next(specifier, { ...context, parentURL: originals.get(parentURL) ?? parentURL });
      } catch (error) {
        if (/^(\.|\/|file:|node:)/.test(specifier)) throw error;
        return resolveHere(specifier, context, next, error);
      }
    },
  });
}

/** @param error that says who looked for it first: thrown where it is not here either */
function resolveHere(
  specifier: string,
  context: ResolveHookContext,
  next: Parameters<ResolveHookSync>[2],
  error: unknown,
): ResolveFnOutput {
  try {
    return next(specifier, { ...context, parentURL: import.meta.url });
  } catch {
    throw error;
  }
}
