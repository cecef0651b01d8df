/**
 * Replays a recording in a thread of its own, started by file name. The logics that were recorded are in the recording: they are
 * put into files again, and loaded like any.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadLogic, withOriginalPaths } from '../datapath/logic-loader.ts';
import type { RecordedLogic } from '../shared/recording.ts';
import type { ReplayLogicFile, ReplayResult, ReplayTask } from '../shared/replay-report.ts';
import type { AnyLogic } from '../switching/logic.ts';
import { RecordingError } from './recording-reader.ts';
import { replayRecording } from './replay.ts';
import { asRecorded, insteadOf } from './replay-logic.ts';
import type { Instead } from './replay-switch.ts';

export default function replay({ recording, logic, against, params, folder, progress }: ReplayTask): ReplayResult {
  const opened = new Map<number, AnyLogic>();
  const instead = ({ module, file }: ReplayLogicFile): Instead => insteadOf(load(module, file), params);
  try {
    const report = replayRecording(readFileSync(recording), {
      open: (recorded) => {
        const found = opened.get(recorded.id) ?? fromSource(recorded, folder);
        opened.set(recorded.id, found);
        return asRecorded(found, recorded);
      },
      onBatch: () => void Atomics.add(progress, 0, 1),
      ...(logic ? { logic: instead(logic) } : {}),
      ...(against ? { against: instead(against) } : {}),
    });
    return { report };
  } catch (error) {
    if (error instanceof RecordingError) return { error: `${recording} ${error.message}` };
    return { error: error instanceof Error ? withOriginalPaths(error.message) : String(error) };
  }
}

function fromSource({ id, name, file, ending, source }: RecordedLogic, folder: string): AnyLogic {
  if (source === null) {
    throw new RecordingError(`runs logic ${name}, but does not hold its source: give it with --logic`);
  }
  const module = join(folder, `${id}${ending}`);
  writeFileSync(module, source, { mode: 0o600 });
  return load(module, file);
}

function load(module: string, file: string): AnyLogic {
  try {
    return loadLogic(module, file);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`${file} cannot be loaded: ${withOriginalPaths(message)}`, { cause: error });
  }
}
