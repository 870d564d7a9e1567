//! The operations that this endpoint serves.

macro_rules! operations {
    ($($variant:ident,)*) => {
        /// An operation of `ecr`, `ecr-public` or `sts` that this endpoint serves.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the service model describes them")]
        pub enum Operation {
            $($variant,)*
        }

        impl Operation {
            /// Every operation, in the order of the counters.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name in the service model.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* }
            }
        }
    };
}

operations! {
    BatchCheckLayerAvailability,
    BatchGetImage,
    DescribeImages,
    DescribePullThroughCacheRules,
    DescribeRepositories,
    GetAccountSetting,
    GetCallerIdentity,
    GetDownloadUrlForLayer,
    ListImages,
    ListPullTimeUpdateExclusions,
    PutImage,
}

impl Operation {
    /// The operation with this name in the service model.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|operation| operation.name() == name)
    }

    /// Whether the answer is a page of a list.
    pub(crate) fn is_paged(self) -> bool {
        matches!(
            self,
            Self::DescribeImages
                | Self::DescribePullThroughCacheRules
                | Self::DescribeRepositories
                | Self::ListImages
                | Self::ListPullTimeUpdateExclusions
        )
    }

    /// Whether a request must name a repository.
    pub(crate) fn needs_repository(self) -> bool {
        matches!(
            self,
            Self::BatchCheckLayerAvailability
                | Self::BatchGetImage
                | Self::DescribeImages
                | Self::GetDownloadUrlForLayer
                | Self::ListImages
                | Self::PutImage
        )
    }
}

/// A number for each operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PerOperation<T>([T; Operation::ALL.len()]);

impl<T: Default> Default for PerOperation<T> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| T::default()))
    }
}

impl<T> PerOperation<T> {
    pub(crate) fn of(&self, operation: Operation) -> &T {
        &self.0[operation as usize]
    }

    pub(crate) fn of_mut(&mut self, operation: Operation) -> &mut T {
        &mut self.0[operation as usize]
    }

    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::Operation;

    #[test]
    fn an_operation_is_found_by_its_name_alone() {
        for &operation in Operation::ALL {
            assert_eq!(Operation::of_name(operation.name()), Some(operation));
        }
        assert_eq!(Operation::of_name("batchgetimage"), None);
    }
}
