//! `plumb graph` and the page of a plan, as people use them.

use crate::binary::Project;
