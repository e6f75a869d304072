// How a photo can fail to arrive.

// For good; `message` says why, to the person who chose it.
export class Refused extends Error {}

// For now: worth another try, not before `seconds` have passed.
export class Later extends Error {
  constructor(message, seconds = 0) {
    super(message);
    this.seconds = seconds;
  }
}

// Until the person has signed in again.
export class SignedOut extends Later {}
