/** For the platform's tests: `hear` gets each frame's payload as a range of a buffer that is used again afterwards. */
export declare class Inlet {
  constructor(hear: (type: number, id: number, flags: number, buffer: Buffer, start: number, end: number) => void);
  push(buffer: Buffer, bytes: number): void;
}
