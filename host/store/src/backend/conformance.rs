//! Says what every backend of the port `Rows` must do, as one suite that runs against any of them.
