/** Whether a profile is being taken, whichever listener it was asked of. */
export class ProfileTurn {
  #isTaken = false;

  /** Takes the turn; false when somebody has it. */
  begin(): boolean {
    if (this.#isTaken) return false;
    return this.#isTaken = true;
  }

  /** Gives it back. */
  end(): void {
    this.#isTaken = false;
  }
}
