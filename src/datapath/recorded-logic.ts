/** A loaded logic as a recording keeps it: all that is needed to make it again, its source too. */
import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { serialize } from 'node:v8';
import type { LogicLoad } from '../shared/logic-load.ts';
import type { RecordedLogic } from '../shared/recording.ts';

/**
 * @param drops names of its reasons; null: it decides nothing
 * @param isNew its source is not in the recording yet
 */
export function recordedLogic(load: LogicLoad, drops: readonly string[] | null, isNew: boolean): RecordedLogic {
  const { id, name, module, file, revision, params, scope, isShadow, seed } = load;
  return {
    id,
    name,
    file,
    ending: extname(module),
    revision,
    params: serialize(params).toString('base64'),
    scope,
    isShadow,
    seed,
    drops,
    source: isNew && module !== '' ? sourceOf(module) : null,
  };
}

function sourceOf(module: string): string | null {
  try {
    return readFileSync(module, 'utf8');
  } catch {
    return null;
  }
}
