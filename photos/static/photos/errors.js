// Why a photo was not uploaded.

// For good. `message` tells the person why.
export class UploadRefused extends Error {}

// For now. Another try makes sense after `seconds`.
export class UploadDelayed extends Error {
  constructor(message, seconds = 0) {
    super(message);
    this.seconds = seconds;
  }
}

// Until the person has signed in again.
export class SignedOut extends UploadDelayed {}
