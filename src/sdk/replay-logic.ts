/** Logics for a replay: how one gets its parameters. */
import { deserialize } from 'node:v8';
import { z } from 'zod';
import type { RecordedLogic } from '../shared/recording.ts';
import type { AnyLogic } from '../switching/logic.ts';
import { ParamsRefused, parseParams } from './params.ts';
import { RecordingError } from './recording-reader.ts';
import { replayRecording, type ReplayReport } from './replay.ts';
import type { Instead, ReplayLogic } from './replay-switch.ts';

/** As it was. */
export function asRecorded(logic: AnyLogic, recorded: RecordedLogic): ReplayLogic {
  return { logic, params: paramsOf(recorded) };
}

/** @param params null: those of the recorded one whose place it takes, else the schema's own */
export function insteadOf(logic: AnyLogic, params: object | null): Instead {
  const { name } = logic;
  return {
    name,
    open: (recorded) => {
      const given = params ?? (recorded ? (paramsOf(recorded) as object) : {});
      try {
        return { logic, params: parseParams(logic.params?.(z) ?? null, given) };
      } catch (error) {
        if (!(error instanceof ParamsRefused)) throw error;
        const whose = params ? 'given to' : 'recorded for';
        throw new RecordingError(`cannot be replayed: the parameters ${whose} ${name} do not fit: ${error.message}`);
      }
    },
  };
}

function paramsOf({ params }: RecordedLogic): unknown {
  return deserialize(Buffer.from(params, 'base64'));
}

export interface ReplayWith {
  /** Those that were recorded, where they are not in the recording: a sandbox has no files. */
  recorded?: readonly AnyLogic[];
  /** Decides instead of the recorded one of its name, or of all. */
  logic?: AnyLogic;
  /** What `logic` is compared with; without it, what was recorded. */
  against?: AnyLogic;
  /** For both. */
  params?: object;
}

/** Replays what a sandbox recorded. @throws RecordingError */
export function replay(
  recording: Uint8Array,
  { recorded = [], logic, against, params }: ReplayWith = {},
): ReplayReport {
  return replayRecording(recording, {
    open: (wanted) => {
      const found = recorded.find(({ name }) => name === wanted.name);
      if (!found) throw new RecordingError(`runs logic ${wanted.name}: give it as \`recorded\``);
      return asRecorded(found, wanted);
    },
    ...(logic ? { logic: insteadOf(logic, params ?? null) } : {}),
    ...(against ? { against: insteadOf(against, params ?? null) } : {}),
  });
}
