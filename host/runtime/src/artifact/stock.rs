//! Stocks the folder with artifacts of components that were never compiled, for the soak run of a start with very many plugins.
//!
//! It exists only with the feature `bench`. Compiling ten thousand components takes hours; an artifact of one that differs from another
//! in a custom section alone is the same code, so it is linked under the other's name with a code of its own. It is found, proven and
//! mapped like every other.

use std::fs;

use jackfield_domain::id::Digest;

use super::{Artifacts, Mac, fault};
use crate::runtime::{Runtime, RuntimeFault};

impl Artifacts {
    fn link(&self, like: &Digest, digest: &Digest, content: &[u8]) -> Result<(), RuntimeFault> {
        let path = self.path(digest, "cwasm");
        let name = path.display().to_string();
        let mut mac = self.mac(digest)?;
        mac.update(content);
        self.write(digest, "mac", &mac.finalize().into_bytes())?;
        fs::hard_link(self.path(like, "cwasm"), &path).map_err(fault(name))
    }
}

impl Runtime {
    /// Gives each of these components the artifact of another that has the same code.
    pub fn stock(&self, like: &Digest, digests: &[Digest]) -> Result<(), RuntimeFault> {
        let artifacts = &self.inner.loader.workshop.artifacts;
        let content = fs::read(artifacts.path(like, "cwasm")).map_err(fault(like.to_string()))?;
        digests.iter().try_for_each(|digest| artifacts.link(like, digest, &content))
    }
}
