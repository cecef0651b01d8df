/** Makes versions of logics from their files: copied, checked, and given memory. */
import { randomInt } from 'node:crypto';
import { allocateLogicMemory } from '../../switching/logic-setup.ts';
import { TswitchError } from '../errors.ts';
import type { LogicWish } from '../wish/wish.ts';
import { type CheckedLogic, checkLogic, refuseBroken } from './checker.ts';
import type { LogicScopeView } from './model.ts';
import type { RunRecord } from './run-record.ts';
import { type Staged, Staging } from './staging.ts';
import { LogicVersion } from './version.ts';

/** A file that was checked, and that nobody is asked by yet. */
export interface Prepared {
  id: number;
  file: string;
  staged: Staged;
  /** Parameters as they were given. */
  given: Record<string, unknown>;
  checked: CheckedLogic;
}

export interface VersionOptions {
  scope: LogicScopeView;
  isShadow: boolean;
  /** What it takes the place of: tables that both have, and that are marked as carried, go on. */
  replaces: LogicVersion | null;
}

export class LogicMaker {
  readonly #workers: number;
  readonly #runRecord: RunRecord | null;
  readonly #staging = new Staging();
  #nextId = 1;

  /** @param runRecord is told what is checked, should the process die of it */
  constructor(workers: number, runRecord: RunRecord | null) {
    this.#workers = workers;
    this.#runRecord = runRecord;
  }

  /** SHA-256 of the file, in hex. @throws TswitchError as `prepare` */
  async digest({ file, sha256 }: LogicWish): Promise<string> {
    const staged = await this.#staging.copy(file, this.#nextId++, sha256);
    await this.#staging.remove(file, staged);
    return staged.sha256;
  }

  /**
   * @param options.isWhole whether the contract is run too
   * @throws TswitchError BAD_REQUEST, LOGIC_REFUSED with what is wrong with the file
   */
  async prepare(wish: LogicWish, { isWhole }: { isWhole: boolean }): Promise<Prepared> {
    const { file, params: given = {}, name, sha256, shadow = false } = wish;
    const id = this.#nextId++;
    const staged = await this.#staging.copy(file, id, sha256);
    try {
      this.#runRecord?.checks({ id, name: name ?? '', file, sha256: staged.sha256, params: given, shadow });
      const checked = await checkLogic({ module: staged.module, file, params: given, isWhole, isTimed: false });
      refuseBroken(`${file} is not loaded`, checked);
      if (name !== undefined && name !== checked.shape.name) {
        throw new TswitchError(
          'LOGIC_REFUSED',
          `${file} is not loaded: its name is ${checked.shape.name}, not ${name}`,
        );
      }
      return { id, file, staged, given, checked };
    } catch (error) {
      await this.#staging.remove(file, staged);
      throw error;
    } finally {
      this.#runRecord?.checks(null);
    }
  }

  /**
   * With other parameters than it was checked with, in the same way.
   *
   * @throws TswitchError LOGIC_REFUSED
   */
  async recheck({ load, sha256 }: LogicVersion, params: Record<string, unknown>): Promise<CheckedLogic> {
    const { id, name, module, file, isShadow: shadow } = load;
    const refused = `the parameters of ${name} stay as they are`;
    try {
      this.#runRecord?.checks({ id, name, file, sha256, params, shadow });
      const checked = await checkLogic({ module, file, params, isWhole: true, isTimed: false }, refused);
      refuseBroken(refused, checked);
      return checked;
    } finally {
      this.#runRecord?.checks(null);
    }
  }

  version({ id, file, staged, given, checked }: Prepared, { scope, isShadow, replaces }: VersionOptions): LogicVersion {
    const { shape, params, paramsSchema } = checked;
    const load = {
      id,
      name: shape.name,
      module: staged.module,
      file,
      revision: 0,
      params,
      scope,
      memory: this.memoryFor(shape, replaces),
      isShadow,
      seed: randomInt(2 ** 31),
    };
    return new LogicVersion(load, { shape, paramsSchema, given, sha256: staged.sha256 });
  }

  memoryFor(shape: LogicVersion['shape'], replaces: LogicVersion | null) {
    const carried = replaces && { tables: replaces.shape.tables, memory: replaces.load.memory };
    return allocateLogicMemory(shape, this.#workers, carried ?? undefined);
  }

  /** Of a version that will not be asked. */
  async discard({ file, staged }: Prepared): Promise<void> {
    await this.#staging.remove(file, staged);
  }

  close(): Promise<void> {
    return this.#staging.close();
  }
}
