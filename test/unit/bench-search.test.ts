/** The search for a rate, the generator's pacing and the percentiles, on rigs whose answer is known. */
import { describe, expect, test } from 'vitest';
import { BURST_FRAMES_MAX, LATE_MS_MAX, paceOf, Schedule } from '../../bench/system/measure/pacing.ts';
import { percentile, summarise } from '../../bench/system/measure/latency-histogram.ts';
import { type SearchOptions, searchRate, type Trial } from '../../bench/system/measure/rate-search.ts';

const OPTIONS: SearchOptions = {
  goal: 1e-5,
  maxFps: 1_000_000,
  guessFps: 600_000,
  precision: 0.01,
  repeats: 1,
};

/** Delivers so many frames in a second and loses the rest. */
function rig(capacityFps: number) {
  const asked: number[] = [];
  const run = async (offeredFps: number): Promise<Trial> => {
    asked.push(offeredFps);
    return { offeredFps, lossRatio: Math.max(0, 1 - capacityFps / offeredFps) };
  };
  return { asked, run };
}

describe('the search for a rate', () => {
  test.each([7000, 90_000, 450_000, 599_999, 800_000, 993_000])('finds a capacity of %i', async (capacityFps) => {
    const { asked, run } = rig(capacityFps);
    const found = (await searchRate(OPTIONS, [], run))!;
    expect(found).toBeLessThanOrEqual(capacityFps * (1 + OPTIONS.goal));
    expect(found).toBeGreaterThan(capacityFps * 0.985);
    expect(asked.length).toBeLessThan(30);
  });

  test('allows the loss that the goal allows', async () => {
    const found = (await searchRate({ ...OPTIONS, goal: 0.005 }, [], rig(400_000).run))!;
    expect(found).toBeGreaterThan(399_000);
    expect(found).toBeLessThanOrEqual(400_000 / 0.995 + 1);
  });

  test('ends at what the generator can do, where nothing is ever lost', async () => {
    expect(await searchRate(OPTIONS, [], rig(Infinity).run)).toBe(OPTIONS.maxFps);
    const limited = async (asked: number): Promise<Trial> => ({ offeredFps: Math.min(asked, 700_000), lossRatio: 0 });
    expect(await searchRate(OPTIONS, [], limited)).toBe(700_000);
  });

  test('finds nothing where frames are lost at any rate', async () => {
    const lossy = async (offeredFps: number): Promise<Trial> => ({ offeredFps, lossRatio: 0.01 });
    expect(await searchRate(OPTIONS, [], lossy)).toBeNull();
  });

  test('repeats a trial that failed by little, and not one that is hopeless', async () => {
    let trials = 0;
    const accident = async (offeredFps: number): Promise<Trial> => {
      trials++;
      const lossRatio = offeredFps > 500_000 ? 0.4 : trials % 2 === 1 ? 0.001 : 0;
      return { offeredFps, lossRatio };
    };
    expect(await searchRate({ ...OPTIONS, guessFps: 500_000 }, [], accident)).toBeGreaterThan(494_000);
    const { asked, run } = rig(100_000);
    await searchRate({ ...OPTIONS, repeats: 5, guessFps: 900_000 }, [], run);
    expect(asked.filter((rate) => rate === 900_000)).toHaveLength(1);
  });

  test('uses the trials that another goal has cost', async () => {
    const { asked, run } = rig(300_000);
    const history: Trial[] = [];
    const pdr = (await searchRate({ ...OPTIONS, goal: 0.005 }, history, run))!;
    const before = asked.length;
    const ndr = (await searchRate({ ...OPTIONS, guessFps: pdr }, history, run))!;
    expect(asked.length - before).toBeLessThan(before);
    expect(ndr).toBeLessThanOrEqual(pdr);
    expect(ndr).toBeGreaterThan(295_000);
  });
});

describe('pacing', () => {
  test.each([100, 1000, 20_000, 100_000, 333_333, 640_000, 2_000_000])('%i frames in a second', (framesPerSecond) => {
    const { burst, intervalMs } = paceOf(framesPerSecond);
    expect((burst / intervalMs) * 1000).toBeCloseTo(framesPerSecond);
    expect(Number.isInteger(burst) && burst >= 1 && burst <= BURST_FRAMES_MAX).toBe(true);
    if (framesPerSecond < 30_000) expect(burst).toBe(1);
  });

  test('a burst that is a little late is made up, the plan stays', () => {
    const schedule = new Schedule({ burst: 4, intervalMs: 1 }, 100);
    expect([99.9, 100, 100.5, 101.4, 101.9, 102].map((now) => schedule.take(now))).toEqual([
      false,
      true,
      false,
      true,
      false,
      true,
    ]);
    expect(schedule.lostMs).toBe(0);
  });

  test('what a long break cost is not made up, but told', () => {
    const schedule = new Schedule({ burst: 4, intervalMs: 0.1 }, 0);
    schedule.take(0);
    expect(schedule.take(50)).toBe(true);
    expect(schedule.take(50.05)).toBe(false);
    expect(schedule.take(50.1)).toBe(true);
    expect(schedule.lostMs).toBeCloseTo(49.9);
    expect(LATE_MS_MAX).toBeLessThan(1);
  });
});

describe('latencies', () => {
  test('percentiles are values that occurred, by nearest rank', () => {
    const values = Float64Array.from({ length: 1000 }, (_, k) => k + 1);
    expect([0.5, 0.9, 0.99, 0.999, 1].map((share) => percentile(values, share))).toEqual([500, 900, 990, 999, 1000]);
    expect(percentile(Float64Array.of(7), 0.999)).toBe(7);
    expect(percentile(new Float64Array(), 0.5)).toBe(0);
  });

  test('each bucket holds what its edges say, and nothing is lost', () => {
    const values = [1500, 900, 1000, 40_000, 41_000, 3_000_000];
    const { count, edgesNs, counts, p50, max } = summarise(Float64Array.from(values));
    expect({ count, p50, max }).toEqual({ count: 6, p50: 1500, max: 3_000_000 });
    expect(counts.reduce((sum, n) => sum + n, 0)).toBe(6);
    edgesNs.forEach((edge, k) => {
      const within = values.filter((ns) => ns <= edge && (k === 0 || ns > edgesNs[k - 1]!));
      expect(counts[k]).toBe(within.length);
    });
    expect(edgesNs.at(-1)! / edgesNs.at(-2)!).toBeLessThan(1.05);
  });

  test('without any there is an empty histogram', () => {
    expect(summarise(new Float64Array())).toMatchObject({ count: 0, edgesNs: [], counts: [], max: 0 });
  });
});
