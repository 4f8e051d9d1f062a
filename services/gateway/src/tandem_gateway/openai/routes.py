"""HTTP of the OpenAI door."""

from fastapi import APIRouter

router = APIRouter(prefix="/v1")
