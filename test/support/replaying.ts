/** Records what a switch of memory ports does, and replays it. */
import { RecordingBuffer } from '../../src/shared/recording.ts';
import { replay, type ReplayReport, type ReplayWith } from '../../src/sdk/sandbox.ts';
import type { Lan } from './lan.ts';

/** From now on. @returns what ends it and gives the recording */
export function recordLan(lan: Lan, { bytes = 2 ** 26, framesMax = Infinity } = {}): () => Uint8Array {
  const buffer = RecordingBuffer.allocate(bytes);
  const recording = new RecordingBuffer(buffer);
  const start = { imagesPerTickMax: Infinity, workers: 1, version: '0.0.0', startedMs: 0, clockAtEpochMs: 0 };
  lan.dataPath.record({ buffer, framesMax, ...start });
  return () => {
    lan.dataPath.endRecord('stopped');
    return recording.slice(0, recording.written);
  };
}

/** Replays it, and throws with the first difference if there is one. */
export function replaySame(recording: Uint8Array, options?: ReplayWith): ReplayReport {
  const report = replay(recording, options);
  if (!report.isSame) throw new Error(`it differs: ${JSON.stringify(report.difference, null, 1)}`);
  return report;
}
