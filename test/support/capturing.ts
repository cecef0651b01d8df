/** Runs captures of a switch, and reads what they gave. */
import { expect } from 'vitest';
import type { CaptureRequest, CaptureView, SwitchControl } from '../../src/control/model.ts';
import { PATIENCE_MS } from './lab.ts';
import { type PcapngFile, readPcapng } from './pcapng.ts';

export interface RunningCapture {
  id: string;
  /** Stops it, unless it has ended by itself. */
  end: () => Promise<CaptureView & { file: PcapngFile; raw: Uint8Array }>;
}

/** It captures when this resolves. */
export async function startCapture(of: SwitchControl, request: CaptureRequest = {}): Promise<RunningCapture> {
  const { id } = of.captures.add(request);
  const stream = await of.captures.read(id);
  const raw = new Response(stream).bytes();
  return {
    id,
    end: async () => {
      if (of.captures.show(id).state === 'running') of.captures.stop(id);
      const bytes = await raw;
      return { ...of.captures.show(id), file: readPcapng(bytes), raw: bytes };
    },
  };
}

/** Waits until so many frames are in the capture. */
export async function expectFrames(of: SwitchControl, id: string, frames: number): Promise<void> {
  await expect.poll(() => of.captures.show(id).frames, { timeout: PATIENCE_MS }).toBeGreaterThanOrEqual(frames);
}
