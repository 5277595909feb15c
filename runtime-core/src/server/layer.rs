//! A server as a layer over other routes.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{Either, Full};

use crate::runtime::BoxFuture;
use crate::server::handle::Shared;
use crate::server::service::Service;

/// A server as a [`tower_layer::Layer`]: it answers requests for its path and passes all others to the inner service.
#[derive(Clone, Debug)]
pub struct Layer {
    service: Service,
}

impl Layer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { service: Service::new(shared) }
    }
}

impl<S> tower_layer::Layer<S> for Layer {
    type Service = Layered<S>;

    fn layer(&self, inner: S) -> Layered<S> {
        Layered { service: self.service.clone(), inner }
    }
}

/// A service wrapped by a [`Layer`].
#[derive(Clone, Debug)]
pub struct Layered<S> {
    service: Service,
    inner: S,
}

impl<S, B, C> tower_service::Service<Request<B>> for Layered<S>
where
    S: tower_service::Service<Request<B>, Response = Response<C>>,
    S::Future: Send + 'static,
    S::Error: From<Infallible>,
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Send,
{
    type Response = Response<Either<Full<Bytes>, C>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if self.service.matches(request.uri().path()) {
            let response = self.service.call(request);
            Box::pin(async { Ok(response.await?.map(Either::Left)) })
        } else {
            let response = self.inner.call(request);
            Box::pin(async { Ok(response.await?.map(Either::Right)) })
        }
    }
}
